with source as (

    select * from {{ source('store', 'smpp__receipts') }}

)

select
    workspace_id,
    event_id,
    received_at,
    operator_token,
    message_token,
    status,
    submitted_at,
    occurred_at,
    error_code,
    parts_submitted,
    parts_delivered,
    event_date,
    retention_days
from source
