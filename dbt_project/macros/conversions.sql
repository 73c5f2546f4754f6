{#-
    Conversions with the click that they are attributed to: the person's last one before them, within the lateness
    horizon. Clicks of previews and scanners are nobody's, also those on messages of other days.

    Args:
        sources: Relations by name, as for `messages`.
        conversions: Relation of conversions, of one contact each.

    Returns:
        A query: one row per conversion that has such a click, with the click's message.
-#}
{% macro last_clicks(sources, conversions) %}
with {{ told_apart(sources) }},

queued as (

    select
        workspace_id,
        message_token,
        min(queued_at) as queued_at
    from outbox_rows
    group by workspace_id, message_token

),

deliveries as (

    select
        workspace_id,
        message_token,
        min(status_at) as delivered_at
    from events
    where status = 'delivered'
    group by workspace_id, message_token

),

clicks_of_people as (

    select
        clicks.workspace_id,
        clicks.contact_token,
        clicks.message_token,
        clicks.clicked_at
    from clicks
    left join queued
        on
            clicks.workspace_id = queued.workspace_id
            and clicks.message_token = queued.message_token
    left join deliveries
        on
            clicks.workspace_id = deliveries.workspace_id
            and clicks.message_token = deliveries.message_token
    where not {{ is_automatic_click('clicks', 'queued.queued_at', 'deliveries.delivered_at') }}

),

ranked as (

    select
        conversions.workspace_id,
        conversions.event_id,
        conversions.contact_token,
        conversions.conversion_kind,
        conversions.amount,
        conversions.currency,
        conversions.converted_at,
        acts.message_token,
        acts.clicked_at,
        row_number() over (
            partition by conversions.workspace_id, conversions.event_id
            order by acts.clicked_at desc, acts.message_token
        ) as click_rank
    from {{ conversions }} as conversions
    inner join clicks_of_people as acts
        on
            conversions.workspace_id = acts.workspace_id
            and conversions.contact_token = acts.contact_token
            and acts.clicked_at <= conversions.converted_at
            and acts.clicked_at > conversions.converted_at - interval '{{ var('lateness_days') }}' day

)

select * exclude (click_rank)
from ranked
where click_rank = 1
{% endmacro %}


{#- Condition: a click and its conversion count for the message: both within the message's horizon. -#}
{% macro is_conversion_of(messages, acts) -%}
            {{ messages }}.workspace_id = {{ acts }}.workspace_id
            and {{ messages }}.message_token = {{ acts }}.message_token
            and cast({{ acts }}.clicked_at as date) >= cast({{ messages }}.queued_at as date) - 1
            and cast({{ acts }}.converted_at as date) <= cast({{ messages }}.queued_at as date) + {{ var('lateness_days') }}
{%- endmacro %}
