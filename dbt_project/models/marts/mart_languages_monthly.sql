-- Generated from pipelines/cubes by `make sync`; do not edit.
with cells as (

    select * from {{ ref('cube_languages_monthly') }}

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
    cells.contact_language,
    {{ label('workspace', 'cells.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    cells.reached_contacts,
    cells.attempted_messages,
    cells.delivered_messages,
    cells.readable_messages,
    cells.read_messages,
    cells.clicked_messages,
    cells.replied_72h_messages,
    cells.opted_out_messages,
    cells.failed_messages,
    {{ rate('cells.delivered_messages', 'cells.attempted_messages') }} as delivery_rate,
    {{ rate('cells.read_messages', 'cells.readable_messages') }} as read_rate,
    {{ rate('cells.clicked_messages', 'cells.delivered_messages') }} as click_rate,
    {{ rate('cells.replied_72h_messages', 'cells.delivered_messages') }} as reply_72h_rate,
    {{ rate('cells.opted_out_messages', 'cells.delivered_messages') }} as opt_out_rate,
    {{ rate('cells.failed_messages', 'cells.attempted_messages') }} as failure_rate,
    coverage.workspaces_counted,
    coverage.workspaces_total
from cells
left join workspaces
    on cells.workspace_key = workspaces.workspace_key
left join coverage
    on cells.month = coverage.month
