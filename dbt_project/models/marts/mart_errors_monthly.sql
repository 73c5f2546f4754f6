-- Generated from pipelines/cubes by `make sync`; do not edit.
with cells as (

    select * from {{ ref('cube_errors_monthly') }}

)

select
    cells.month,
    cells.error_kind,
    cells.errors
from cells
