with source as (

    select * from {{ source('store', 'web__error_logs') }}

)

select
    workspace_id,
    event_id,
    received_at,
    occurred_at,
    level,
    logger,
    error_message,
    exception_type,
    event_date,
    retention_days
from source
