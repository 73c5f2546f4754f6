with source as (

    select * from {{ source('store', 'app__workspaces') }}

)

select
    entity_id,
    received_at,
    workspace_id,
    workspace_name,
    owner_email_token,
    country,
    time_zone,
    industry,
    plan,
    created_at,
    updated_at,
    deleted_at
from source
