with inbound as (

    select
        workspace_id,
        contact_token,
        occurred_at,
        {{ is_first_in_24h() }} as is_first_in_24h
    from {{ ref('int_inbound_messages_unioned') }}

),

conversations as (

    select
        workspace_id,
        contact_token,
        occurred_at
    from inbound
    where is_first_in_24h and contact_token is not null

),

answered as (

    {{ first_responses(
        'conversations', ref('int_outbox_messages'), ref('int_message_events_unioned')
    ) | indent(4) }}

)

select
    answered.workspace_id,
    answered.contact_token,
    answered.occurred_at,
    {{ local_date('answered.occurred_at', 'workspaces.time_zone') }} as conversation_date,
    answered.answered_at,
    answered.answered_at is not null as is_answered
from answered
left join {{ ref('dim_workspaces') }} as workspaces
    on answered.workspace_id = workspaces.workspace_id
