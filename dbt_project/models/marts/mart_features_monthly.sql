-- Generated from pipelines/cubes by `make sync`; do not edit.
with cells as (

    select * from {{ ref('cube_features_monthly') }}

)

select
    cells.month,
    cells.level,
    cells.feature,
    cells.active_members,
    cells.active_members_flag,
    cells.usage_events,
    cells.usage_events_flag
from cells
