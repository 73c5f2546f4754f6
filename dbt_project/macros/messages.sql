{#-
    The messages of a slice and the facts about them, as queries. One source for the unbounded view
    `fct_messages` and for the cubes, which are built some days at a time and must not read other days.

    Args of both macros:
        sources: Relations by name: `outbox`, `events`, `inbound`, `opt_outs`, `clicks`.
        from_date, to_date: First and last day of the slice; none for all days there are. What a message is
            and what counts for it depends on its own day alone, never on the days that are built with it.
-#}


{#-
    Outbox rows, events and clicks by the message they belong to: CTEs `outbox_rows`, `events` and `clicks` with
    the columns of ``sources``. Whatever reads them joins by `message_token` alone.

    Ids of WhatsApp and Twilio are unique. Operators of SMPP number alike, and begin anew: an id that several
    operators, providers or contacts share is several messages. Each is then known by its outbox row, and gets
    what its own provider and operator report, of several the last one handed over before the report. What
    another operator reports is of no known message.

    An outbox row that is completed later, when the provider's id is known, takes the place of the earlier row.
-#}
{% macro told_apart(sources) %}
{%- set alike = "coalesce(bearers.provider = reports.provider, true) and coalesce(bearers.operator_token = reports.operator_token, true)" -%}
{%- set by_contact = "case when coalesce(outbox.provider, 'smpp') = 'smpp' then outbox.contact_token end" -%}
shared_ids as (

    select
        workspace_id,
        message_token
    from (
        select
            workspace_id,
            message_token,
            provider,
            operator_token,
            cast(null as varchar) as contact_token
        from {{ sources.events }}
        where provider <> 'whatsapp'
        union all
        select
            outbox.workspace_id,
            outbox.message_token,
            outbox.provider,
            outbox.operator_token,
            {{ by_contact }} as contact_token
        from {{ sources.outbox }} as outbox
        where outbox.has_provider_id and coalesce(outbox.provider, outbox.channel) <> 'whatsapp'
    )
    group by workspace_id, message_token
    having
        min(provider) <> max(provider)
        or min(operator_token) <> max(operator_token)
        or min(contact_token) <> max(contact_token)

),

-- The messages of such an id.
bearers as (

    select
        outbox.workspace_id,
        outbox.message_token,
        outbox.provider,
        outbox.operator_token,
        {{ by_contact }} as contact_token,
        min(outbox.queued_at) as queued_at,
        min(coalesce(outbox.outbox_token, outbox.event_id)) as bearer_token
    from {{ sources.outbox }} as outbox
    inner join shared_ids
        on
            outbox.workspace_id = shared_ids.workspace_id
            and outbox.message_token = shared_ids.message_token
    where outbox.has_provider_id
    group by all

),

reports as (

    select distinct
        events.workspace_id,
        events.message_token,
        events.provider,
        events.operator_token,
        events.submitted_at,
        events.received_at,
        -- By the earlier of two clocks: an operator's may be ahead of ours.
        least(events.submitted_at, events.received_at) as told_at
    from {{ sources.events }} as events
    inner join shared_ids
        on
            events.workspace_id = shared_ids.workspace_id
            and events.message_token = shared_ids.message_token

),

borne as (

    select
        reports.*,
        -- Operators name minutes.
        coalesce(
            arg_max(bearers.bearer_token, bearers.queued_at) filter (
                where {{ alike }} and bearers.queued_at < reports.told_at + interval '1' minute
            ),
            arg_min(bearers.bearer_token, bearers.queued_at) filter (where {{ alike }})
        ) as bearer_token
    from reports
    left join bearers
        on
            reports.workspace_id = bearers.workspace_id
            and reports.message_token = bearers.message_token
    group by all

),

assigned as (

    select
        *,
        case
            when
                coalesce(operator_token, '') = coalesce(
                    first_value(operator_token) over (
                        partition by workspace_id, bearer_token
                        order by told_at, operator_token
                    ), ''
                )
                then bearer_token
        end as own_token
    from borne

),

completed as (

    select
        workspace_id,
        outbox_token
    from {{ sources.outbox }}
    where
        has_provider_id
        and outbox_token in (select outbox_token from {{ sources.outbox }} where not has_provider_id)

),

-- Not materialized: DuckDB would copy all rows with all columns.
outbox_rows as not materialized (

    select outbox.* replace (coalesce(bearers.bearer_token, outbox.message_token) as message_token)
    from {{ sources.outbox }} as outbox
    left join bearers
        on
            outbox.workspace_id = bearers.workspace_id
            and outbox.message_token = bearers.message_token
            and outbox.provider is not distinct from bearers.provider
            and outbox.operator_token is not distinct from bearers.operator_token
            and {{ by_contact }} is not distinct from bearers.contact_token
    left join completed
        on
            outbox.workspace_id = completed.workspace_id
            and outbox.outbox_token = completed.outbox_token
    where coalesce(outbox.has_provider_id, true) or completed.outbox_token is null

),

events as not materialized (

    select
        events.* replace (
            case
                when assigned.message_token is null then events.message_token
                else coalesce(
                    assigned.own_token, concat_ws('/', events.message_token, events.provider, events.operator_token)
                )
            end as message_token
        )
    from {{ sources.events }} as events
    left join assigned
        on
            events.workspace_id = assigned.workspace_id
            and events.message_token = assigned.message_token
            and events.provider = assigned.provider
            and events.received_at is not distinct from assigned.received_at
            and events.operator_token is not distinct from assigned.operator_token
            and events.submitted_at is not distinct from assigned.submitted_at

),

clicks as not materialized (

    select clicks.* replace (coalesce(bearers.bearer_token, clicks.message_token) as message_token)
    from {{ sources.clicks }} as clicks
    left join bearers
        on
            clicks.workspace_id = bearers.workspace_id
            and clicks.message_token = bearers.message_token
            and clicks.contact_token = bearers.contact_token

)
{% endmacro %}


{#-
    One row per message whose `send_date` lies in the slice: what was to be sent to whom. Reads what `told_apart`
    gives.

    A message is told from others by `utc_date`, the day it was queued, else the day of its earliest event. A slice takes up a
    message without an outbox row only if an event of its beginning is there (`is_start`): a read
    alone may belong to a message older than the lateness horizon, which was counted then.

    The outbox may name one provider's id twice: the earliest row is the message, in every column, and a
    later one begins no second message on its own day. Events come repeatedly and in any order: aggregates
    only. A message that only events tell of needs one that names its contact: a receipt alone is no message.
-#}
{% macro sent_messages(from_date=none, to_date=none) %}
{%- set horizon = var('lateness_days') | int -%}
with numbered as (

    select
        *,
        lag(utc_date) over (
            partition by workspace_id, message_token
            -- Of what is said again of one moment, the last counts.
            order by queued_at, received_at desc, event_id
        ) as queued_before
    from outbox_rows

),

outbox as (

    select * from numbered
    where
        {{ days('utc_date', from_date, to_date, before=1, after=1) }}
        {% if from_date -%}
        and coalesce(queued_before < utc_date - {{ horizon + 1 }}, true)
        {%- else -%}
        and queued_before is null
        {%- endif %}

),

event_days as (

    select
        workspace_id,
        message_token,
        cast(occurred_at as date) as event_day,
        min(occurred_at) as queued_at
    from events
    group by workspace_id, message_token, cast(occurred_at as date)

),

first_event_days as (

    select
        *,
        lag(event_day) over (partition by workspace_id, message_token order by event_day) as event_day_before
    from event_days

),

unqueued as (

    select
        first_event_days.workspace_id,
        first_event_days.message_token,
        first_event_days.event_day as utc_date,
        first_event_days.queued_at
    from first_event_days
    -- Counted with its outbox row, of this day or of one nearby.
    left join outbox_rows as queued
        on
            first_event_days.workspace_id = queued.workspace_id
            and first_event_days.message_token = queued.message_token
            {%- if from_date %}
            and queued.utc_date between first_event_days.event_day - {{ horizon + 1 }} and first_event_days.event_day + 1
            {%- endif %}
    where
        {{ days('first_event_days.event_day', from_date, to_date, before=1, after=1) }}
        {% if from_date -%}
        and coalesce(first_event_days.event_day_before < first_event_days.event_day - {{ horizon + 1 }}, true)
        {%- else -%}
        and first_event_days.event_day_before is null
        {%- endif %}
        and queued.message_token is null

),

orphans as (

    -- What a message is, any of its events may say: not only those of its first day.
    select
        unqueued.workspace_id,
        unqueued.message_token,
        unqueued.utc_date,
        unqueued.queued_at,
        -- A user id only where no event names the number.
        coalesce(
            min(events.contact_token) filter (
                where events.contact_token is distinct from events.contact_user_token
            ),
            min(events.contact_token)
        ) as contact_token,
        min(events.contact_country) as contact_country,
        min(events.provider) as provider,
        max(events.channel) as channel,
        min(events.provider_category) as message_category
    from unqueued
    inner join events
        on
            unqueued.workspace_id = events.workspace_id
            and unqueued.message_token = events.message_token
    {%- if from_date %}
    where cast(events.occurred_at as date) between unqueued.utc_date and unqueued.utc_date + {{ horizon }}
    {%- endif %}
    group by unqueued.workspace_id, unqueued.message_token, unqueued.utc_date, unqueued.queued_at
    having
        min(events.contact_token) is not null
        {%- if from_date %}
        and bool_or(events.is_start)
        {%- endif %}

),

every_message as (

    select
        workspace_id,
        message_token,
        utc_date,
        queued_at,
        campaign_id,
        template_id,
        contact_token,
        contact_country,
        channel,
        provider,
        message_category,
        true as is_queued,
        outcome = 'accepted' as is_taken,
        outcome = 'rejected' as is_rejected,
        skip_reason,
        error_code,
        segments,
        price_amount,
        price_currency
    from outbox
    union all
    select
        workspace_id,
        message_token,
        utc_date,
        queued_at,
        cast(null as varchar) as campaign_id,
        cast(null as varchar) as template_id,
        contact_token,
        contact_country,
        channel,
        provider,
        message_category,
        false as is_queued,
        true as is_taken,
        false as is_rejected,
        cast(null as varchar) as skip_reason,
        cast(null as varchar) as error_code,
        cast(null as bigint) as segments,
        cast(null as decimal(18, 6)) as price_amount,
        cast(null as varchar) as price_currency
    from orphans

),

-- On the workspace's own clock: what leaves Sao Paulo at 23:30 is of that day. The store's days are UTC.
dated as (

    select
        every_message.*,
        {{ local_date('every_message.queued_at', 'workspaces.time_zone') }} as send_date
    from every_message
    left join {{ ref('dim_workspaces') }} as workspaces
        on every_message.workspace_id = workspaces.workspace_id

)

select * from dated
where {{ days('send_date', from_date, to_date) }}
{% endmacro %}


{#- An act's own time ends a message's horizon, one day of clock skew before it begins; not its partition. -#}
{% macro within_horizon(moment) -%}
cast({{ moment }} as date) between sent_messages.utc_date - 1 and sent_messages.utc_date + {{ var('lateness_days') }}
{%- endmacro %}


{#- Earliest moment in which a contact did something within 72 hours of a message's queueing. -#}
{% macro first_within_72_hours(relation, moment, name, condition='true') %}
    select
        sent_messages.workspace_id,
        sent_messages.message_token,
        sent_messages.utc_date,
        min(acts.{{ moment }}) as {{ name }}
    from sent_messages
    inner join {{ relation }} as acts
        on
            sent_messages.workspace_id = acts.workspace_id
            and sent_messages.contact_token = acts.contact_token
    where
        acts.{{ moment }} >= sent_messages.queued_at
        and acts.{{ moment }} < sent_messages.queued_at + interval '72' hour
        and {{ condition }}
    group by sent_messages.workspace_id, sent_messages.message_token, sent_messages.utc_date
{% endmacro %}


{#- One row per message whose day lies in the slice: the columns of `fct_messages`. -#}
{% macro messages(sources, from_date=none, to_date=none) %}
with {{ told_apart(sources) }},

sent_messages as (

    {{ sent_messages(from_date, to_date) | indent(4) }}

),

progress as (

    select
        events.workspace_id,
        events.message_token,
        sent_messages.utc_date,
        min(case when events.status = 'accepted' then events.status_at end) as accepted_at,
        min(case when events.status = 'sent' then events.status_at end) as sent_at,
        min(case when events.status = 'delivered' then events.status_at end) as delivered_at,
        min(case when events.status in ('read', 'played') then events.status_at end) as read_at,
        min(case when events.status = 'played' then events.status_at end) as played_at,
        min(case when events.status = 'failed' then events.status_at end) as failed_at,
        bool_or(events.status = 'sent') as has_sent,
        bool_or(events.status = 'delivered') as has_delivered,
        bool_or(events.status in ('read', 'played')) as has_read,
        bool_or(events.status = 'failed') as has_failed,
        min(events.error_code) as error_code,
        max(events.segments) as segments,
        max(events.price_amount) as price_amount,
        min(case when events.price_amount is not null then events.price_currency end) as price_currency,
        bool_or(events.is_billable) as is_billable,
        min(events.provider) as provider,
        min(events.provider_category) as provider_category
    from events
    -- First of all down to the slice's messages, so that memory holds no others.
    inner join sent_messages
        on
            events.workspace_id = sent_messages.workspace_id
            and events.message_token = sent_messages.message_token
    {%- if from_date %}
    where {{ within_horizon('events.occurred_at') }}
    {%- endif %}
    group by events.workspace_id, events.message_token, sent_messages.utc_date

),

clicked as (

    select
        sent_messages.workspace_id,
        sent_messages.message_token,
        sent_messages.utc_date,
        min(acts.clicked_at) as first_clicked_at
    from sent_messages
    inner join clicks as acts
        on
            sent_messages.workspace_id = acts.workspace_id
            and sent_messages.message_token = acts.message_token
    left join progress
        on
            sent_messages.workspace_id = progress.workspace_id
            and sent_messages.message_token = progress.message_token
            and sent_messages.utc_date = progress.utc_date
    where
        not {{ is_automatic_click('acts', 'sent_messages.queued_at', 'progress.delivered_at') }}
        {%- if from_date %}
        and {{ within_horizon('acts.clicked_at') }}
        {%- endif %}
    group by sent_messages.workspace_id, sent_messages.message_token, sent_messages.utc_date

),

replies as (
    -- What quotes a message answers it, and no other.
    {{ first_within_72_hours(
        sources.inbound,
        'occurred_at',
        'first_replied_at',
        "acts.message_type <> 'reaction' and coalesce(acts.referred_message_token = sent_messages.message_token, true)"
    ) }}
),

opt_outs as (
    {{ first_within_72_hours(sources.opt_outs, 'occurred_at', 'first_opted_out_at') }}
),

joined as (

    select
        sent_messages.workspace_id,
        sent_messages.message_token,
        sent_messages.utc_date,
        sent_messages.send_date,
        sent_messages.queued_at,
        sent_messages.campaign_id,
        sent_messages.template_id,
        sent_messages.channel,
        sent_messages.skip_reason,
        progress.accepted_at,
        progress.sent_at,
        progress.delivered_at,
        progress.read_at,
        progress.played_at,
        progress.failed_at,
        sent_messages.contact_token,
        sent_messages.contact_country,
        coalesce(sent_messages.provider, progress.provider) as provider,
        coalesce(sent_messages.message_category, progress.provider_category) as message_category,
        coalesce(progress.error_code, sent_messages.error_code) as provider_error_code,
        progress.message_token is not null as has_events,
        sent_messages.is_taken,
        sent_messages.is_rejected,
        coalesce(progress.has_read, false) as is_read,
        -- A provider may skip `delivered` before `read`, and `sent` before both.
        coalesce(progress.has_delivered or progress.has_read, false) as is_delivered,
        coalesce(progress.has_sent or progress.has_delivered or progress.has_read, false) as is_sent,
        coalesce(progress.has_failed, false) as has_failed,
        -- An operator counts the parts that one id has; a long text may have an id for each.
        case
            when coalesce(sent_messages.provider, progress.provider) = 'smpp'
                then greatest(progress.segments, sent_messages.segments)
            else coalesce(progress.segments, sent_messages.segments)
        end as provider_segments,
        -- Prices and `pricing` stand on several statuses of one message: they are counted once.
        case
            when progress.price_amount is not null then progress.price_amount
            when
                progress.is_billable = false
                or progress.has_failed and not progress.has_delivered and not progress.has_read
                and sent_messages.price_amount is not null
                then cast(0 as decimal(18, 6))
            else sent_messages.price_amount
        end as price_amount,
        case
            when progress.price_amount is not null then progress.price_currency
            else sent_messages.price_currency
        end as price_currency
    from sent_messages
    left join progress
        on
            sent_messages.workspace_id = progress.workspace_id
            and sent_messages.message_token = progress.message_token
            and sent_messages.utc_date = progress.utc_date

),

judged as (

    select
        joined.*,
        is_taken or is_rejected or has_events as is_attempted,
        is_taken or has_events as is_accepted,
        -- Delivered wins over failed, whichever came last: the contact has the message.
        (has_failed or (is_rejected and not is_taken)) and not is_delivered as is_failed
    from joined

)

select
    judged.workspace_id,
    judged.message_token,
    judged.send_date,
    judged.campaign_id,
    judged.template_id,
    judged.contact_token,
    judged.contact_country,
    judged.channel,
    judged.provider,
    judged.message_category,
    judged.queued_at,
    judged.accepted_at,
    judged.sent_at,
    judged.delivered_at,
    judged.read_at,
    judged.played_at,
    judged.failed_at,
    judged.is_attempted,
    judged.is_accepted,
    judged.is_sent,
    judged.is_delivered,
    judged.is_read,
    -- SMS and the like never report reading.
    judged.is_read or (judged.is_delivered and coalesce(judged.channel = 'whatsapp', false)) as is_readable,
    judged.is_failed,
    case
        when judged.is_read then 'read'
        when judged.is_delivered then 'delivered'
        when judged.is_failed then 'failed'
        when judged.is_sent then 'sent'
        when judged.is_accepted then 'accepted'
        else 'skipped'
    end as final_status,
    case when not judged.is_attempted then judged.skip_reason end as skip_reason,
    case when judged.is_failed then judged.provider_error_code end as provider_error_code,
    case
        when not judged.is_failed then null
        when judged.provider_error_code is null then 'unspecified'
        else coalesce(codes.error_class, 'unknown')
    end as provider_error_class,
    case when judged.is_accepted then judged.provider_segments end as segments,
    case when judged.is_accepted then judged.price_amount end as cost_amount,
    case when judged.is_accepted and judged.price_amount is not null then judged.price_currency end as cost_currency,
    case when judged.is_attempted then clicked.first_clicked_at end as first_clicked_at,
    case when judged.is_attempted then replies.first_replied_at end as first_replied_at,
    case when judged.is_attempted then opt_outs.first_opted_out_at end as first_opted_out_at,
    judged.is_attempted and clicked.first_clicked_at is not null as is_clicked,
    judged.is_attempted
    and coalesce(replies.first_replied_at < judged.queued_at + interval '24' hour, false) as is_replied_24h,
    judged.is_attempted and replies.first_replied_at is not null as is_replied_72h,
    judged.is_attempted and opt_outs.first_opted_out_at is not null as is_opted_out
from judged
left join clicked
    on
        judged.workspace_id = clicked.workspace_id
        and judged.message_token = clicked.message_token
        and judged.utc_date = clicked.utc_date
left join replies
    on
        judged.workspace_id = replies.workspace_id
        and judged.message_token = replies.message_token
        and judged.utc_date = replies.utc_date
left join opt_outs
    on
        judged.workspace_id = opt_outs.workspace_id
        and judged.message_token = opt_outs.message_token
        and judged.utc_date = opt_outs.utc_date
left join {{ ref('provider_error_codes') }} as codes
    on
        judged.provider = codes.provider
        and judged.provider_error_code = codes.error_code
{% endmacro %}
