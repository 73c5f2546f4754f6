-- Generated from pipelines/cubes by `make sync`; do not edit.
with cells as (

    select * from {{ ref('cube_campaign_daily') }}
    where level = 'campaign'

),

workspaces as (

    select * from {{ ref('dim_published_workspaces') }}

),

templates as (

    select * from {{ ref('dim_published_templates') }}

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
    {{ label('workspace', 'cells.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    {{ label('template', 'cells.template_key', 'templates.template_name') }} as template_name,
    {{ label('campaign', 'cells.campaign_key', 'campaigns.campaign_name') }} as campaign_name,
    coalesce(campaigns.variant, 'none') as variant,
    cells.audience_contacts,
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
left join templates
    on
        cells.workspace_key = templates.workspace_key
        and cells.template_key = templates.template_key
left join campaigns
    on
        cells.workspace_key = campaigns.workspace_key
        and cells.campaign_key = campaigns.campaign_key
