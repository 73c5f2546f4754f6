-- Generated from pipelines/cubes by `make sync`; do not edit.
with cells as (

    select * from {{ ref('cube_delivery_latency_daily') }}
    where level = 'workspace'

),

workspaces as (

    select * from {{ ref('dim_published_workspaces') }}

)

select
    cells.send_date,
    cells.workspace_key,
    cells.latency_bin,
    list_position(
        [
            '5s', '15s', '1min', '5min', '15min', '1h', '4h', '12h', '1d', '3d', '7d', 'unknown'
        ],
        cells.latency_bin
    ) as latency_bin_order,
    {{ workspace_label('cells.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    cells.delivered_messages
from cells
left join workspaces
    on cells.workspace_key = workspaces.workspace_key
