with source as (

    select * from {{ source('store', 'whatsapp__user_ids') }}

)

select
    workspace_id,
    event_id,
    received_at,
    contact_token,
    contact_country,
    previous_contact_user_token,
    contact_user_token,
    occurred_at,
    event_date,
    retention_days
from source
