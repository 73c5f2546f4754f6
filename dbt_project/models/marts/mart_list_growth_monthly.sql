-- Generated from pipelines/cubes by `make sync`; do not edit.
with cells as (

    select * from {{ ref('cube_list_growth_monthly') }}
    where level = 'workspace'

),

workspaces as (

    select * from {{ ref('dim_published_workspaces') }}

),

coverage as (

    select * from {{ ref('cube_coverage_monthly') }}

)

select
    cells.month,
    cells.workspace_key,
    {{ label('workspace', 'cells.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    cells.new_contacts,
    cells.opted_out_contacts,
    cells.opted_in_contacts,
    cells.repeat_opt_in_contacts,
    cells.gained_contacts,
    cells.lost_contacts,
    cells.gained_contacts - cells.lost_contacts as net_growth,
    coverage.workspaces_counted,
    coverage.workspaces_total
from cells
left join workspaces
    on cells.workspace_key = workspaces.workspace_key
left join coverage
    on cells.month = coverage.month
