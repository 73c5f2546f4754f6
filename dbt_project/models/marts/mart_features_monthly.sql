-- Generated from pipelines/cubes by `make sync`; do not edit.
with cells as (

    select * from {{ ref('cube_features_monthly') }}

)

select
    cells.month,
    cells.feature,
    cells.active_members,
    cells.usage_events
from cells
