-- Generated from pipelines/cubes by `make sync`; do not edit.
with cells as (

    select * from {{ ref('cube_conversions_daily') }}
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
    cells.revenue_currency,
    {{ workspace_label('cells.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    campaigns.campaign_name,
    campaigns.template_name,
    campaigns.variant,
    cells.converting_contacts,
    cells.conversions,
    case
        when cells.revenue_currency not in ('other', 'unknown')
            then cast(cells.revenue_micros / 1000000 as decimal(18, 6))
    end as revenue_amount
from cells
left join workspaces
    on cells.workspace_key = workspaces.workspace_key
left join campaigns
    on
        cells.workspace_key = campaigns.workspace_key
        and cells.campaign_key = campaigns.campaign_key
