with source as (

    select * from {{ source('store', 'whatsapp__statuses') }}

)

select
    workspace_id,
    event_id,
    received_at,
    message_token,
    status,
    occurred_at,
    contact_token,
    contact_country,
    contact_user_token,
    participant_token,
    participant_user_token,
    recipient_type,
    error_code,
    conversation_token,
    conversation_origin,
    is_billable,
    pricing_type,
    pricing_category,
    pricing_model,
    event_date,
    retention_days
from source
