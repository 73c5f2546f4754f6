select
    workspace_id,
    contact_id_token,
    contact_token,
    contact_user_token,
    contact_country,
    language,
    custom_fields,
    is_opted_in,
    created_at,
    updated_at
from {{ ref('stg_app__contacts') }}
