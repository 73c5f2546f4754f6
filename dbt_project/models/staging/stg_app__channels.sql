with source as (

    select * from {{ source('store', 'app__channels') }}

)

select
    entity_id,
    received_at,
    workspace_id,
    provider,
    account_token,
    sender_token,
    time_zone,
    receipt_ids,
    valid_from,
    valid_to,
    updated_at,
    deleted_at
from source
