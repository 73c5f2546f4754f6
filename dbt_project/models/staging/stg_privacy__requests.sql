with source as (

    select * from {{ source('store', 'privacy__requests') }}

)

select
    entity_id,
    received_at,
    workspace_id,
    request_id,
    request_type,
    contact_token,
    contact_email_token,
    contact_user_token,
    status,
    received_on,
    due_on,
    updated_at
from source
