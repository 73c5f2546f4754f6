with source as (

    select * from {{ source('store', 'app__contacts') }}

)

select
    entity_id,
    received_at,
    workspace_id,
    contact_id_token,
    contact_token,
    contact_country,
    contact_user_token,
    contact_email_token,
    language,
    custom_fields,
    is_opted_in,
    created_at,
    updated_at,
    deleted_at
from source
