select
    changes.workspace_id,
    changes.contact_token,
    changes.list_change,
    changes.changed_at,
    {{ local_date('changes.changed_at', 'workspaces.time_zone') }} as change_date
from {{ ref('int_list_changes') }} as changes
left join {{ ref('dim_workspaces') }} as workspaces
    on changes.workspace_id = workspaces.workspace_id
where changes.contact_token is not null
