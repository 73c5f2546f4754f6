{%- set first_day = asked_day('first_day', '1970-01-01') -%}
{%- set last_day = asked_day('last_day', '2200-01-01') -%}
with of_all_days as (

    {{ messages(stored_sources()) | indent(4) }}

),

-- The rest is empty unless a session asks for days: then it reads their partitions alone, and counts for a
-- message what its published day counts.
asked_outbox as (

    {{ rows_needed(ref('int_outbox_messages'), first_day, last_day, after=2) | indent(4) }}

),

asked_events as (

    {{ rows_needed(ref('int_message_events_unioned'), first_day, last_day) | indent(4) }}

),

-- Within 72 hours of a message.
asked_inbound as (

    {{ rows_needed(ref('int_inbound_messages_unioned'), first_day, last_day, before=2, after=4) | indent(4) }}

),

asked_opt_outs as (

    {{ rows_needed(ref('int_opt_outs_unioned'), first_day, last_day, before=2, after=4) | indent(4) }}

),

asked_clicks as (

    {{ rows_needed(ref('int_link_clicks'), first_day, last_day, before=3) | indent(4) }}

),

of_asked_days as (

    {{ messages(
        {
            'outbox': 'asked_outbox',
            'events': 'asked_events',
            'inbound': 'asked_inbound',
            'opt_outs': 'asked_opt_outs',
            'clicks': 'asked_clicks',
        },
        first_day,
        last_day
    ) | indent(4) }}

)

select * from of_all_days
where getvariable('first_day') is null and getvariable('last_day') is null
union all
select * from of_asked_days
where getvariable('first_day') is not null or getvariable('last_day') is not null
