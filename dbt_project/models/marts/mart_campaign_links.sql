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

    select * from {{ ref('mart_campaign_funnel') }}

)

select
    summed.workspace_key,
    campaigns.workspace_name,
    summed.campaign_key,
    campaigns.campaign_name,
    campaigns.variant,
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
left join links
    on
        summed.workspace_key = links.workspace_key
        and summed.link_key = links.link_key
where summed.clicks > 0 or summed.automatic_clicks > 0
