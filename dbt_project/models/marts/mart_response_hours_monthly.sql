-- Generated from pipelines/cubes by `make sync`; do not edit.
with cells as (

    select * from {{ ref('cube_response_hours_monthly') }}

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
    cells.response_hour,
    {{ label('workspace', 'cells.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    {{ place_in_order('cube_response_hours_monthly') }} as response_hour_order,
    cells.read_responses,
    cells.click_responses,
    cells.reply_responses,
    coverage.workspaces_counted,
    coverage.workspaces_total
from cells
left join workspaces
    on cells.workspace_key = workspaces.workspace_key
left join coverage
    on cells.month = coverage.month
