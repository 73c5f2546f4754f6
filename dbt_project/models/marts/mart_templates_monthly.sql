with cells as (

    select
        *,
        cast(date_trunc('month', send_date) as date) as month
    from {{ ref('cube_campaign_daily') }}
    where level = 'campaign'

),

campaigns as (

    select * from {{ ref('dim_published_campaigns') }}

),

workspaces as (

    select * from {{ ref('dim_published_workspaces') }}

),

summed as (

    select
        cells.month,
        cells.workspace_key,
        cells.channel,
        cells.message_category,
        cells.template_key,
        coalesce(campaigns.variant, 'none') as variant,
        min(campaigns.template_name) as template_name,
        count(*) as campaign_days,
        cast(sum(cells.attempted_messages) as bigint) as attempted_messages,
        cast(sum(cells.delivered_messages) as bigint) as delivered_messages,
        cast(sum(cells.readable_messages) as bigint) as readable_messages,
        cast(sum(cells.read_messages) as bigint) as read_messages,
        cast(sum(cells.clicked_messages) as bigint) as clicked_messages,
        cast(sum(cells.replied_72h_messages) as bigint) as replied_72h_messages,
        cast(sum(cells.opted_out_messages) as bigint) as opted_out_messages,
        cast(sum(cells.failed_messages) as bigint) as failed_messages
    from cells
    left join campaigns
        on
            cells.workspace_key = campaigns.workspace_key
            and cells.campaign_key = campaigns.campaign_key
    group by
        cells.month,
        cells.workspace_key,
        cells.channel,
        cells.message_category,
        cells.template_key,
        coalesce(campaigns.variant, 'none')

)

select
    summed.month,
    summed.workspace_key,
    {{ workspace_label('summed.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    summed.channel,
    summed.message_category,
    summed.template_key,
    summed.template_name,
    summed.variant,
    summed.campaign_days,
    summed.attempted_messages,
    summed.delivered_messages,
    summed.readable_messages,
    summed.read_messages,
    summed.clicked_messages,
    summed.replied_72h_messages,
    summed.opted_out_messages,
    summed.failed_messages,
    {{ rate('summed.delivered_messages', 'summed.attempted_messages') }} as delivery_rate,
    {{ rate('summed.read_messages', 'summed.readable_messages') }} as read_rate,
    {{ rate('summed.clicked_messages', 'summed.delivered_messages') }} as click_rate,
    {{ rate('summed.replied_72h_messages', 'summed.delivered_messages') }} as reply_72h_rate,
    {{ rate('summed.opted_out_messages', 'summed.delivered_messages') }} as opt_out_rate
from summed
left join workspaces
    on summed.workspace_key = workspaces.workspace_key
