with cells as (

    select * from {{ ref('cube_campaign_daily') }}

),

summed as (

    select
        send_date,
        workspace_key,
        {{ summed_measures() }},
        {{ summed_cost() }}
    from cells
    group by send_date, workspace_key

),

workspaces as (

    select * from {{ ref('dim_published_workspaces') }}

)

select
    summed.send_date,
    summed.workspace_key,
    {{ workspace_label('summed.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    workspaces.workspace_country,
    workspaces.industry,
    workspaces.plan,
    {% for measure in message_measures() -%}
    summed.{{ measure }},
    {% endfor -%}
    summed.cost_amount,
    summed.cost_currency,
    {{ rates('summed.') }}
from summed
left join workspaces
    on summed.workspace_key = workspaces.workspace_key
