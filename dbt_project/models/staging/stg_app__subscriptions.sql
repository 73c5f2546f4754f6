with source as (

    select * from {{ source('store', 'app__subscriptions') }}

)

select
    entity_id,
    received_at,
    workspace_id,
    subscription_id,
    plan,
    started_at,
    ended_at,
    updated_at,
    deleted_at
from source
