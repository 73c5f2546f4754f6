-- Generated from pipelines/cubes by `make sync`; do not edit.
with cells as (

    select * from {{ ref('cube_workspace_monthly') }}
    where level = 'platform'

)

select
    cells.month,
    cells.audience_contacts,
    cells.audience_contacts_flag,
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
    cells.segments,
    cells.segments_flag,
    cast(cells.delivered_messages as double) / nullif(cells.attempted_messages, 0) as delivery_rate,
    cast(cells.read_messages as double) / nullif(cells.delivered_messages, 0) as read_rate,
    cast(cells.clicked_messages as double) / nullif(cells.delivered_messages, 0) as click_rate,
    cast(cells.replied_72h_messages as double) / nullif(cells.delivered_messages, 0) as reply_72h_rate,
    cast(cells.opted_out_messages as double) / nullif(cells.delivered_messages, 0) as opt_out_rate,
    cast(cells.failed_messages as double) / nullif(cells.attempted_messages, 0) as failure_rate
from cells
