with changes as (

    select * from {{ ref('dim_published_template_changes') }}

),

workspaces as (

    select * from {{ ref('dim_published_workspaces') }}

)

select
    changes.change_date,
    changes.workspace_key,
    {{ label('workspace', 'changes.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    changes.template_key,
    changes.template_name,
    changes.template_language,
    changes.change_kind,
    changes.old_value,
    changes.new_value
from changes
left join workspaces
    on changes.workspace_key = workspaces.workspace_key
