-- Generated from pipelines/cubes by `make sync`; do not edit.
with cells as (

    select * from {{ ref('cube_plans_monthly') }}

)

select
    cells.month,
    cells.plan,
    cells.active_members,
    cells.usage_events
from cells
