with source as (

    select * from {{ source('store', 'whatsapp__echoes') }}

)

select
    workspace_id,
    event_id,
    received_at,
    message_token,
    message_type,
    occurred_at,
    contact_token,
    contact_country,
    contact_user_token,
    event_date,
    retention_days
from source
