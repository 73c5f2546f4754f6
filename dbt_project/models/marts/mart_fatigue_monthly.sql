-- Generated from pipelines/cubes by `make sync`; do not edit.
with cells as (

    select * from {{ ref('cube_fatigue_monthly') }}

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
    cells.messages_bin,
    {{ label('workspace', 'cells.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    {{ place_in_order('cube_fatigue_monthly') }} as messages_bin_order,
    cells.reached_contacts,
    cells.reading_contacts,
    cells.replying_contacts,
    cells.opting_out_contacts,
    coverage.workspaces_counted,
    coverage.workspaces_total
from cells
left join workspaces
    on cells.workspace_key = workspaces.workspace_key
left join coverage
    on cells.month = coverage.month
