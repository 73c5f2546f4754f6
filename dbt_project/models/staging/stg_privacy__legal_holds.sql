with source as (

    select * from {{ source('store', 'privacy__legal_holds') }}

)

select
    entity_id,
    received_at,
    workspace_id,
    hold_id,
    held_source,
    contact_token,
    held_from,
    held_to,
    hold_reason,
    expires_at,
    updated_at
from source
