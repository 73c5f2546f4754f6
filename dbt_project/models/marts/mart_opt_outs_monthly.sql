-- Generated from pipelines/cubes by `make sync`; do not edit.
with cells as (

    select * from {{ ref('cube_opt_outs_monthly') }}

),

workspaces as (

    select * from {{ ref('dim_published_workspaces') }}

)

select
    cells.month,
    cells.workspace_key,
    cells.opt_out_source,
    {{ workspace_label('cells.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    cells.opted_out_contacts
from cells
left join workspaces
    on cells.workspace_key = workspaces.workspace_key
