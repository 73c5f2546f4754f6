with cells as (

    select * from {{ ref('cube_campaign_daily') }}

),

summed as (

    select
        workspace_key,
        campaign_key,
        min(send_date) as first_send_date,
        max(send_date) as last_send_date,
        {{ summed_measures() }},
        {{ summed_cost() }}
    from cells
    group by workspace_key, campaign_key

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
    campaigns.channel,
    campaigns.message_category,
    campaigns.template_name,
    campaigns.variant,
    summed.first_send_date,
    summed.last_send_date,
    {% for measure in message_measures() -%}
    summed.{{ measure }},
    {% endfor -%}
    summed.cost_amount,
    summed.cost_currency,
    {{ rates('summed.') }}
from summed
left join workspaces
    on summed.workspace_key = workspaces.workspace_key
left join campaigns
    on
        summed.workspace_key = campaigns.workspace_key
        and summed.campaign_key = campaigns.campaign_key
