-- Generated from pipelines/cubes by `make sync`; do not edit.
with cells as (

    select * from {{ ref('cube_fatigue_monthly') }}

),

workspaces as (

    select * from {{ ref('dim_published_workspaces') }}

)

select
    cells.month,
    cells.workspace_key,
    cells.messages_bin,
    list_position(
        [
            '1', '2', '3-4', '5-8', '9-16', '17+'
        ],
        cells.messages_bin
    ) as messages_bin_order,
    {{ workspace_label('cells.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    cells.reached_contacts,
    cells.reading_contacts,
    cells.replying_contacts,
    cells.opted_out_contacts
from cells
left join workspaces
    on cells.workspace_key = workspaces.workspace_key
