-- Generated from pipelines/cubes by `make sync`; do not edit.
with cells as (

    select * from {{ ref('cube_countries_monthly') }}

),

workspaces as (

    select * from {{ ref('dim_published_workspaces') }}

)

select
    cells.month,
    cells.level,
    cells.workspace_key,
    cells.contact_country,
    {{ workspace_label('cells.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    cells.reached_contacts,
    cells.reached_contacts_flag,
    cells.attempted_messages,
    cells.attempted_messages_flag,
    cells.delivered_messages,
    cells.delivered_messages_flag,
    cells.read_messages,
    cells.read_messages_flag,
    cells.clicked_messages,
    cells.clicked_messages_flag,
    cells.replied_72h_messages,
    cells.replied_72h_messages_flag,
    cells.opted_out_messages,
    cells.opted_out_messages_flag,
    cells.failed_messages,
    cells.failed_messages_flag,
    cast(cells.delivered_messages as double) / nullif(cells.attempted_messages, 0) as delivery_rate,
    cast(cells.read_messages as double) / nullif(cells.delivered_messages, 0) as read_rate,
    cast(cells.clicked_messages as double) / nullif(cells.delivered_messages, 0) as click_rate,
    cast(cells.replied_72h_messages as double) / nullif(cells.delivered_messages, 0) as reply_72h_rate,
    cast(cells.opted_out_messages as double) / nullif(cells.delivered_messages, 0) as opt_out_rate,
    cast(cells.failed_messages as double) / nullif(cells.attempted_messages, 0) as failure_rate
from cells
left join workspaces
    on cells.workspace_key = workspaces.workspace_key
