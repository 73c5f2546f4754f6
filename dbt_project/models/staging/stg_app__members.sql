with source as (

    select * from {{ source('store', 'app__members') }}

)

select
    entity_id,
    received_at,
    workspace_id,
    member_token,
    member_email_token,
    role,
    created_at,
    updated_at,
    deleted_at
from source
