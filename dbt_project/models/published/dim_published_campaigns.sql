with published as (

    select distinct
        workspace_key,
        campaign_key
    from {{ ref('cube_campaign_daily') }}
    where level = 'campaign'

),

campaigns as (

    select
        *,
        {{ workspace_key() }} as workspace_key,
        {{ campaign_key() }} as campaign_key
    from {{ ref('dim_campaigns') }}

)

select
    cast(campaigns.workspace_key as varchar) as workspace_key,
    cast(campaigns.campaign_key as varchar) as campaign_key,
    cast(campaigns.campaign_name as varchar) as campaign_name,
    cast(campaigns.channel as varchar) as channel,
    cast(campaigns.message_category as varchar) as message_category,
    cast(campaigns.variant as varchar) as variant
from campaigns
inner join published
    on
        campaigns.workspace_key = published.workspace_key
        and campaigns.campaign_key = published.campaign_key
