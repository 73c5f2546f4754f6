{#-
    The messages of a slice and the facts about them, as queries. One source for the unbounded view
    `fct_messages` and for the cubes, which are built one day at a time and must not read other days.

    A store partition's day is the earlier of event and receipt, and an event lies at most 24 h after
    its receipt: so an event of day D stands in the partitions of D - 1 and D.
-#}


{#-
    One row per message whose day lies in the slice: what was to be sent to whom.

    A message's day is the day it was queued, else the day of its earliest event. A slice takes up a
    message without an outbox row only if an event of its beginning is there (`is_start`): a read
    alone may belong to a message older than the lateness horizon, which was counted then.

    Outbox rows and events of one message may come repeatedly and in any order: aggregates only.
-#}
{% macro sent_messages(from_date=none, to_date=none) %}
{%- set horizon = var('lateness_days') -%}
with outbox as (

    select
        workspace_id,
        message_token,
        min(send_date) as send_date,
        min(queued_at) as queued_at,
        min(campaign_id) as campaign_id,
        min(template_id) as template_id,
        min(contact_token) as contact_token,
        min(contact_country) as contact_country,
        min(channel) as channel,
        min(provider) as provider,
        min(message_category) as message_category,
        bool_or(outcome = 'accepted') as is_taken,
        bool_or(outcome = 'rejected') as is_rejected,
        min(skip_reason) as skip_reason,
        min(error_code) as error_code,
        max(segments) as segments,
        max(price_amount) as price_amount,
        min(price_currency) as price_currency
    from {{ ref('int_outbox_messages') }}
    where
        {{ days('event_date', from_date, to_date, before=1) }}
        and {{ days('send_date', from_date, to_date) }}
    group by workspace_id, message_token

),

unqueued as (

    select
        events.workspace_id,
        events.message_token,
        min(events.occurred_at) as queued_at,
        min(events.contact_token) as contact_token,
        min(events.contact_country) as contact_country,
        min(events.provider) as provider,
        min(events.provider_category) as message_category,
        bool_or(events.is_start) as is_start
    from {{ ref('int_message_events_unioned') }} as events
    left join outbox
        on
            events.workspace_id = outbox.workspace_id
            and events.message_token = outbox.message_token
    where
        {{ days('events.event_date', from_date, to_date, before=1) }}
        and {{ days('cast(events.occurred_at as date)', from_date, to_date) }}
        and outbox.message_token is null
    group by events.workspace_id, events.message_token

),
{% if from_date %}
counted_elsewhere as (

    select
        outbox_around.workspace_id,
        outbox_around.message_token
    from {{ ref('int_outbox_messages') }} as outbox_around
    inner join unqueued
        on
            outbox_around.workspace_id = unqueued.workspace_id
            and outbox_around.message_token = unqueued.message_token
    where {{ days('outbox_around.event_date', from_date, to_date, before=horizon + 1, after=1) }}
    union all
    select
        events_before.workspace_id,
        events_before.message_token
    from {{ ref('int_message_events_unioned') }} as events_before
    inner join unqueued
        on
            events_before.workspace_id = unqueued.workspace_id
            and events_before.message_token = unqueued.message_token
    where
        {{ days('events_before.event_date', from_date, to_date, before=horizon + 1) }}
        and events_before.occurred_at < date '{{ from_date }}'

),
{% endif %}
orphans as (

    select unqueued.*
    from unqueued
    {%- if from_date %}
    left join (select distinct workspace_id, message_token from counted_elsewhere) as elsewhere
        on
            unqueued.workspace_id = elsewhere.workspace_id
            and unqueued.message_token = elsewhere.message_token
    where
        unqueued.is_start
        and elsewhere.message_token is null
    {%- endif %}

)

select
    workspace_id,
    message_token,
    send_date,
    queued_at,
    campaign_id,
    template_id,
    contact_token,
    contact_country,
    channel,
    provider,
    message_category,
    true as is_queued,
    is_taken,
    is_rejected,
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
    cast(queued_at as date) as send_date,
    queued_at,
    cast(null as varchar) as campaign_id,
    cast(null as varchar) as template_id,
    contact_token,
    contact_country,
    case when provider = 'whatsapp' then 'whatsapp' else 'sms' end as channel,
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
{% endmacro %}


{#- One row per message whose day lies in the slice: the columns of `fct_messages`. -#}
{% macro messages(from_date=none, to_date=none) %}
{%- set horizon = var('lateness_days') -%}
with sent_messages as (

    {{ sent_messages(from_date, to_date) | indent(4) }}

),

progress as (

    select
        events.workspace_id,
        events.message_token,
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
    from {{ ref('int_message_events_unioned') }} as events
    -- First of all down to the slice's messages, so that memory holds one day of them.
    inner join sent_messages
        on
            events.workspace_id = sent_messages.workspace_id
            and events.message_token = sent_messages.message_token
    where {{ days('events.event_date', from_date, to_date, before=1, after=horizon) }}
    group by events.workspace_id, events.message_token

),

clicks as (

    select
        workspace_id,
        message_token,
        min(clicked_at) as first_clicked_at
    from {{ ref('stg_app__link_clicks') }}
    where
        {{ days('event_date', from_date, to_date, before=1, after=horizon) }}
        and message_token is not null
    group by workspace_id, message_token

),

replies as (

    select
        sent_messages.workspace_id,
        sent_messages.message_token,
        min(inbound.occurred_at) as first_replied_at
    from sent_messages
    inner join {{ ref('int_inbound_messages_unioned') }} as inbound
        on
            sent_messages.workspace_id = inbound.workspace_id
            and sent_messages.contact_token = inbound.contact_token
    where
        {{ days('inbound.event_date', from_date, to_date, before=1, after=4) }}
        and inbound.message_type <> 'reaction'
        and inbound.occurred_at >= sent_messages.queued_at
        and inbound.occurred_at < sent_messages.queued_at + interval '72' hour
    group by sent_messages.workspace_id, sent_messages.message_token

),

opt_outs as (

    select
        sent_messages.workspace_id,
        sent_messages.message_token,
        min(stops.occurred_at) as first_opted_out_at
    from sent_messages
    inner join {{ ref('int_opt_outs_unioned') }} as stops
        on
            sent_messages.workspace_id = stops.workspace_id
            and sent_messages.contact_token = stops.contact_token
    where
        {{ days('stops.event_date', from_date, to_date, before=1, after=4) }}
        and stops.occurred_at >= sent_messages.queued_at
        and stops.occurred_at < sent_messages.queued_at + interval '72' hour
    group by sent_messages.workspace_id, sent_messages.message_token

),

joined as (

    select
        sent_messages.workspace_id,
        sent_messages.message_token,
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
        coalesce(progress.segments, sent_messages.segments) as provider_segments,
        -- Prices and `pricing` stand on several statuses of one message: they are counted once.
        case
            when progress.price_amount is not null then progress.price_amount
            when progress.is_billable = false then cast(0 as decimal(18, 6))
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
    case when judged.is_attempted then clicks.first_clicked_at end as first_clicked_at,
    case when judged.is_attempted then replies.first_replied_at end as first_replied_at,
    case when judged.is_attempted then opt_outs.first_opted_out_at end as first_opted_out_at,
    judged.is_attempted and clicks.first_clicked_at is not null as is_clicked,
    judged.is_attempted
    and coalesce(replies.first_replied_at < judged.queued_at + interval '24' hour, false) as is_replied_24h,
    judged.is_attempted and replies.first_replied_at is not null as is_replied_72h,
    judged.is_attempted and opt_outs.first_opted_out_at is not null as is_opted_out
from judged
left join clicks
    on
        judged.workspace_id = clicks.workspace_id
        and judged.message_token = clicks.message_token
left join replies
    on
        judged.workspace_id = replies.workspace_id
        and judged.message_token = replies.message_token
left join opt_outs
    on
        judged.workspace_id = opt_outs.workspace_id
        and judged.message_token = opt_outs.message_token
left join {{ ref('provider_error_codes') }} as codes
    on
        judged.provider = codes.provider
        and judged.provider_error_code = codes.error_code
{% endmacro %}
