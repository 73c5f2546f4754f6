with cells as (

    select * from {{ ref('cube_campaign_daily') }}
    where level = 'campaign'

),

summed as (

    select
        cells.workspace_key,
        cells.campaign_key,
        -- A group of several has no one value.
        case when count(distinct channel) = 1 then min(channel) else 'mixed' end as channel,
        case when count(distinct message_category) = 1 then min(message_category) else 'mixed' end
            as message_category,
        min(cells.send_date) as first_send_date,
        max(cells.send_date) as last_send_date,
        cast(sum(cells.attempted_messages) as bigint) as attempted_messages,
        cast(sum(cells.accepted_messages) as bigint) as accepted_messages,
        cast(sum(cells.sent_messages) as bigint) as sent_messages,
        cast(sum(cells.delivered_messages) as bigint) as delivered_messages,
        cast(sum(cells.readable_messages) as bigint) as readable_messages,
        cast(sum(cells.read_messages) as bigint) as read_messages,
        cast(sum(cells.clicked_messages) as bigint) as clicked_messages,
        cast(sum(cells.replied_72h_messages) as bigint) as replied_72h_messages,
        cast(sum(cells.replied_24h_messages) as bigint) as replied_24h_messages,
        cast(sum(cells.opted_out_messages) as bigint) as opted_out_messages,
        cast(sum(cells.failed_messages) as bigint) as failed_messages,
        cast(sum(cells.segments) as bigint) as segments
    from cells
    group by cells.workspace_key, cells.campaign_key

),

campaigns as (

    select * from {{ ref('dim_published_campaigns') }}

),

workspaces as (

    select * from {{ ref('dim_published_workspaces') }}

)

select
    summed.workspace_key,
    {{ workspace_label('summed.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    summed.campaign_key,
    campaigns.campaign_name,
    summed.channel,
    summed.message_category,
    campaigns.template_name,
    campaigns.variant,
    summed.first_send_date,
    summed.last_send_date,
    summed.attempted_messages,
    summed.accepted_messages,
    summed.sent_messages,
    summed.delivered_messages,
    summed.readable_messages,
    summed.read_messages,
    summed.clicked_messages,
    summed.replied_72h_messages,
    summed.replied_24h_messages,
    summed.opted_out_messages,
    summed.failed_messages,
    summed.segments,
    {{ rate('summed.delivered_messages', 'summed.attempted_messages') }} as delivery_rate,
    {{ rate('summed.read_messages', 'summed.readable_messages') }} as read_rate,
    {{ rate('summed.clicked_messages', 'summed.delivered_messages') }} as click_rate,
    {{ rate('summed.replied_72h_messages', 'summed.delivered_messages') }} as reply_72h_rate,
    {{ rate('summed.opted_out_messages', 'summed.delivered_messages') }} as opt_out_rate,
    {{ rate('summed.failed_messages', 'summed.attempted_messages') }} as failure_rate
from summed
left join workspaces
    on summed.workspace_key = workspaces.workspace_key
left join campaigns
    on
        summed.workspace_key = campaigns.workspace_key
        and summed.campaign_key = campaigns.campaign_key
