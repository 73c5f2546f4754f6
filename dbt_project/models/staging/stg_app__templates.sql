with source as (

    select * from {{ source('store', 'app__templates') }}

)

select
    entity_id,
    received_at,
    workspace_id,
    template_id,
    template_name,
    template_language,
    message_category,
    body_length,
    body_segments,
    body_has_link,
    updated_at,
    deleted_at
from source
