with source as (

    select * from {{ source('store', 'app__campaigns') }}

)

select
    entity_id,
    received_at,
    workspace_id,
    campaign_id,
    campaign_name,
    channel,
    message_category,
    template_id,
    variant,
    scheduled_at,
    created_at,
    updated_at,
    deleted_at
from source
