with {{ told_apart(stored_sources()) }},

known as (

    {{ sent_messages() | indent(4) }}

)

select
    events.workspace_id,
    events.message_token,
    events.provider,
    events.operator_token,
    events.status,
    events.occurred_at,
    cast(events.occurred_at as date) as status_date,
    events.segments,
    events.received_at
from events
left join known
    on
        events.workspace_id = known.workspace_id
        and events.message_token = known.message_token
where known.message_token is null
