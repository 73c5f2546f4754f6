-- Generated from pipelines/cubes by `make sync`; do not edit.
with cells as (

    select * from {{ ref('cube_campaign_daily') }}
    where level = 'campaign'

),

workspaces as (

    select * from {{ ref('dim_published_workspaces') }}

),

campaigns as (

    select * from {{ ref('dim_published_campaigns') }}

)

select
    cells.send_date,
    cells.workspace_key,
    cells.channel,
    cells.message_category,
    cells.template_key,
    cells.campaign_key,
    {{ workspace_label('cells.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    campaigns.campaign_name,
    campaigns.template_name,
    campaigns.variant,
    cells.audience_contacts,
    cells.audience_contacts_flag,
    cells.attempted_messages,
    cells.attempted_messages_flag,
    cells.accepted_messages,
    cells.accepted_messages_flag,
    cells.sent_messages,
    cells.sent_messages_flag,
    cells.delivered_messages,
    cells.delivered_messages_flag,
    cells.read_messages,
    cells.read_messages_flag,
    cells.clicked_messages,
    cells.clicked_messages_flag,
    cells.replied_72h_messages,
    cells.replied_72h_messages_flag,
    cells.replied_24h_messages,
    cells.replied_24h_messages_flag,
    cells.opted_out_messages,
    cells.opted_out_messages_flag,
    cells.failed_messages,
    cells.failed_messages_flag,
    cells.skipped_cap_messages,
    cells.skipped_cap_messages_flag,
    cells.skipped_opt_out_messages,
    cells.skipped_opt_out_messages_flag,
    cells.skipped_invalid_messages,
    cells.skipped_invalid_messages_flag,
    cells.skipped_other_messages,
    cells.skipped_other_messages_flag,
    cells.segments,
    cells.segments_flag,
    cast(cells.delivered_messages as double) / nullif(cells.attempted_messages, 0) as delivery_rate,
    cast(cells.read_messages as double) / nullif(cells.delivered_messages, 0) as read_rate,
    cast(cells.clicked_messages as double) / nullif(cells.delivered_messages, 0) as click_rate,
    cast(cells.replied_72h_messages as double) / nullif(cells.delivered_messages, 0) as reply_72h_rate,
    cast(cells.opted_out_messages as double) / nullif(cells.delivered_messages, 0) as opt_out_rate,
    cast(cells.failed_messages as double) / nullif(cells.attempted_messages, 0) as failure_rate
from cells
left join workspaces
    on cells.workspace_key = workspaces.workspace_key
left join campaigns
    on
        cells.workspace_key = campaigns.workspace_key
        and cells.campaign_key = campaigns.campaign_key
