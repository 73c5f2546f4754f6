with source as (

    select * from {{ source('store', 'app__conversions') }}

)

select
    event_id,
    received_at,
    workspace_id,
    contact_id_token,
    contact_token,
    conversion_kind,
    amount,
    currency,
    converted_at,
    event_date,
    retention_days
from source
