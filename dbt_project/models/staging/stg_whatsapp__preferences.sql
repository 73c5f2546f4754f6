with source as (

    select * from {{ source('store', 'whatsapp__preferences') }}

)

select
    workspace_id,
    event_id,
    received_at,
    contact_token,
    contact_country,
    contact_user_token,
    preference_category,
    preference,
    occurred_at,
    event_date,
    retention_days
from source
