with cells as (

    select * from {{ ref('cube_conversions_daily') }}
    where level = 'campaign'

),

summed as (

    select
        workspace_key,
        campaign_key,
        revenue_currency,
        cast(sum(conversions) as bigint) as conversions,
        sum(revenue_micros) as revenue_micros
    from cells
    group by workspace_key, campaign_key, revenue_currency

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
    summed.revenue_currency,
    campaigns.delivered_messages,
    campaigns.clicked_messages,
    summed.conversions,
    -- Nothing beside conversions was rounded down: how much it was is not known.
    case
        when summed.revenue_currency <> 'unknown' and summed.revenue_micros > 0
            then cast(summed.revenue_micros / 1000000 as decimal(18, 6))
    end as revenue_amount,
    case
        when
            summed.revenue_currency <> 'unknown'
            and summed.revenue_micros > 0
            and campaigns.delivered_messages > 0
            then summed.revenue_micros / 1000000.0 / campaigns.delivered_messages
    end as revenue_per_delivered_message
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
-- Most campaigns sell in one currency: zeros of all others would hide it.
where summed.conversions > 0 or summed.revenue_micros > 0
