with cells as (

    select * from {{ ref('cube_campaign_daily') }}

),

campaigns as (

    select * from {{ ref('dim_published_campaigns') }}

),

workspaces as (

    select * from {{ ref('dim_published_workspaces') }}

)

select
    cells.send_date,
    cells.workspace_key,
    {{ workspace_label('cells.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    cells.campaign_key,
    campaigns.campaign_name,
    campaigns.channel,
    campaigns.message_category,
    campaigns.template_name,
    campaigns.variant,
    cells.audience_contacts,
    {% for measure in message_measures() -%}
    cells.{{ measure }},
    {% endfor -%}
    cells.cost_amount,
    cells.cost_currency,
    {{ rates('cells.') }}
from cells
left join workspaces
    on cells.workspace_key = workspaces.workspace_key
left join campaigns
    on
        cells.workspace_key = campaigns.workspace_key
        and cells.campaign_key = campaigns.campaign_key
