-- Generated from pipelines/cubes by `make sync`; do not edit.
with cells as (

    select * from {{ ref('cube_send_hours_monthly') }}

),

workspaces as (

    select * from {{ ref('dim_published_workspaces') }}

)

select
    cells.month,
    cells.workspace_key,
    cells.send_hour,
    {{ workspace_label('cells.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    cells.attempted_messages,
    cells.delivered_messages,
    cells.readable_messages,
    cells.read_messages,
    cells.replied_72h_messages,
    {{ rate('cells.delivered_messages', 'cells.attempted_messages') }} as delivery_rate,
    {{ rate('cells.read_messages', 'cells.readable_messages') }} as read_rate,
    {{ rate('cells.replied_72h_messages', 'cells.delivered_messages') }} as reply_72h_rate
from cells
left join workspaces
    on cells.workspace_key = workspaces.workspace_key
