with cells as (

    select * from {{ ref('cube_clicks_daily') }}
    where level = 'campaign'

),

summed as (

    select
        workspace_key,
        campaign_key,
        link_key,
        cast(sum(clicks) as bigint) as clicks,
        cast(sum(automatic_clicks) as bigint) as automatic_clicks
    from cells
    group by workspace_key, campaign_key, link_key

),

links as (

    select * from {{ ref('dim_published_links') }}

),

campaigns as (

    select
        workspace_key,
        campaign_key,
        min(send_date) as first_send_date,
        max(send_date) as last_send_date,
        cast(sum(delivered_messages) as bigint) as delivered_messages,
        cast(sum(clicked_messages) as bigint) as clicked_messages
    from {{ ref('cube_campaign_daily') }}
    where level = 'campaign'
    group by workspace_key, campaign_key

),

workspaces as (

    select * from {{ ref('dim_published_workspaces') }}

),

names as (

    select * from {{ ref('dim_published_campaigns') }}

)

select
    summed.workspace_key,
    {{ label('workspace', 'summed.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    summed.campaign_key,
    {{ label('campaign', 'summed.campaign_key', 'names.campaign_name') }} as campaign_name,
    coalesce(names.variant, 'none') as variant,
    campaigns.first_send_date,
    campaigns.last_send_date,
    summed.link_key,
    links.link_path,
    campaigns.delivered_messages,
    campaigns.clicked_messages,
    summed.clicks,
    summed.automatic_clicks,
    case when campaigns.delivered_messages > 0 then summed.clicks / campaigns.delivered_messages end
        as clicks_per_delivered_message
from summed
inner join campaigns
    on
        summed.workspace_key = campaigns.workspace_key
        and summed.campaign_key = campaigns.campaign_key
left join workspaces
    on summed.workspace_key = workspaces.workspace_key
left join names
    on
        summed.workspace_key = names.workspace_key
        and summed.campaign_key = names.campaign_key
left join links
    on
        summed.workspace_key = links.workspace_key
        and summed.link_key = links.link_key
where summed.clicks > 0 or summed.automatic_clicks > 0
