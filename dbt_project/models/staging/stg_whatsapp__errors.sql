with source as (

    select * from {{ source('store', 'whatsapp__errors') }}

)

select
    workspace_id,
    event_id,
    received_at,
    error_code,
    title,
    event_date,
    retention_days
from source
