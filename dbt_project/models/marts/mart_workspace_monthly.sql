-- Generated from pipelines/cubes by `make sync`; do not edit.
with days as (

    select
        *,
        max(send_date) over () as last_built
    from {{ ref('cube_campaign_daily') }}

),

-- Of the months that are over.
cells as (

    select
        cast(date_trunc('month', send_date) as date) as month,
        workspace_key,
        cast(sum(attempted_messages) as bigint) as attempted_messages,
        cast(sum(accepted_messages) as bigint) as accepted_messages,
        cast(sum(sent_messages) as bigint) as sent_messages,
        cast(sum(delivered_messages) as bigint) as delivered_messages,
        cast(sum(readable_messages) as bigint) as readable_messages,
        cast(sum(read_messages) as bigint) as read_messages,
        cast(sum(clicked_messages) as bigint) as clicked_messages,
        cast(sum(replied_72h_messages) as bigint) as replied_72h_messages,
        cast(sum(replied_24h_messages) as bigint) as replied_24h_messages,
        cast(sum(converted_messages) as bigint) as converted_messages,
        cast(sum(opted_out_messages) as bigint) as opted_out_messages,
        cast(sum(failed_messages) as bigint) as failed_messages,
        cast(sum(skipped_cap_messages) as bigint) as skipped_cap_messages,
        cast(sum(skipped_opt_out_messages) as bigint) as skipped_opt_out_messages,
        cast(sum(skipped_invalid_messages) as bigint) as skipped_invalid_messages,
        cast(sum(skipped_other_messages) as bigint) as skipped_other_messages,
        cast(sum(segments) as bigint) as segments
    from days
    where level = 'workspace'
    group by date_trunc('month', send_date), workspace_key
    having max(last_built) >= date_trunc('month', max(send_date)) + interval 1 month - interval 1 day

),

workspaces as (

    select * from {{ ref('dim_published_workspaces') }}

)

select
    cells.month,
    cells.workspace_key,
    {{ workspace_label('cells.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    cells.attempted_messages,
    cells.accepted_messages,
    cells.sent_messages,
    cells.delivered_messages,
    cells.readable_messages,
    cells.read_messages,
    cells.clicked_messages,
    cells.replied_72h_messages,
    cells.replied_24h_messages,
    cells.converted_messages,
    cells.opted_out_messages,
    cells.failed_messages,
    cells.skipped_cap_messages,
    cells.skipped_opt_out_messages,
    cells.skipped_invalid_messages,
    cells.skipped_other_messages,
    cells.segments,
    {{ rate('cells.delivered_messages', 'cells.attempted_messages') }} as delivery_rate,
    {{ rate('cells.read_messages', 'cells.readable_messages') }} as read_rate,
    {{ rate('cells.clicked_messages', 'cells.delivered_messages') }} as click_rate,
    {{ rate('cells.converted_messages', 'cells.delivered_messages') }} as conversion_rate,
    {{ rate('cells.replied_72h_messages', 'cells.delivered_messages') }} as reply_72h_rate,
    {{ rate('cells.opted_out_messages', 'cells.delivered_messages') }} as opt_out_rate,
    {{ rate('cells.failed_messages', 'cells.attempted_messages') }} as failure_rate
from cells
left join workspaces
    on cells.workspace_key = workspaces.workspace_key
