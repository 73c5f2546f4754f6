select
    workspace_id,
    template_id,
    template_name,
    template_language,
    message_category,
    body_length,
    body_segments,
    body_has_link,
    updated_at
from {{ ref('stg_app__templates') }}
