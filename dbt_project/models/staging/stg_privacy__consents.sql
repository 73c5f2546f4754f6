with source as (

    select * from {{ source('store', 'privacy__consents') }}

)

select
    entity_id,
    received_at,
    workspace_id,
    member_token,
    purpose,
    is_granted,
    valid_from,
    updated_at
from source
