with source as (

    select * from {{ source('store', 'twilio__statuses') }}

)

select
    workspace_id,
    event_id,
    received_at,
    message_token,
    status,
    contact_token,
    contact_country,
    occurred_at,
    error_code,
    event_date,
    retention_days
from source
