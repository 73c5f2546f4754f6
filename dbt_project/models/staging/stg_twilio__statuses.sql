with source as (

    select * from {{ source('store', 'twilio__statuses') }}

)

select
    workspace_id,
    event_id,
    received_at,
    message_token,
    status,
    channel,
    contact_token,
    contact_country,
    error_code,
    event_date,
    retention_days
from source
