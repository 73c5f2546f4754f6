-- Generated from pipelines/cubes by `make sync`; do not edit.
with cells as (

    select * from {{ ref('cube_conversions_monthly') }}
    where level = 'workspace'

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
    cells.revenue_currency,
    {{ label('workspace', 'cells.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    cells.converting_contacts,
    cells.conversions,
    case
        when
            cells.revenue_currency not in ('other', 'unknown')
            and (cells.revenue_micros > 0 or cells.conversions = 0)
            then cast(cells.revenue_micros / 1000000 as decimal(18, 6))
    end as revenue_amount,
    coverage.workspaces_counted,
    coverage.workspaces_total
from cells
left join workspaces
    on cells.workspace_key = workspaces.workspace_key
left join coverage
    on cells.month = coverage.month
