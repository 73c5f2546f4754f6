-- Generated from pipelines/cubes by `make sync`; do not edit.
with cells as (

    select * from {{ ref('cube_read_latency_daily') }}
    where level = 'workspace'

),

workspaces as (

    select * from {{ ref('dim_published_workspaces') }}

)

select
    cells.send_date,
    cells.workspace_key,
    cells.latency_bin,
    {{ label('workspace', 'cells.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    {{ place_in_order('cube_read_latency_daily') }} as latency_bin_order,
    cells.read_messages
from cells
left join workspaces
    on cells.workspace_key = workspaces.workspace_key
