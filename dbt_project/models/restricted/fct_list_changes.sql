select
    workspace_id,
    contact_token,
    list_change,
    changed_at,
    cast(changed_at as date) as change_date
from {{ ref('int_list_changes') }}
where contact_token is not null
