select
    workspace_id,
    member_token,
    role,
    created_at,
    updated_at
from {{ ref('stg_app__members') }}
