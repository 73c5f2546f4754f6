with costs as (

    {{ costs(ref('cube_tariffs_monthly'), ref('cube_currencies_monthly'), by_workspace=true) }}

),

workspaces as (

    select * from {{ ref('dim_published_workspaces') }}

)

select
    costs.month,
    costs.workspace_key,
    {{ label('workspace', 'costs.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    costs.cost_currency,
    costs.tariff,
    costs.channel,
    costs.message_category,
    costs.contact_country,
    cast(costs.accepted_messages as bigint) as accepted_messages,
    cast(costs.delivered_messages as bigint) as delivered_messages,
    cast(costs.replied_72h_messages as bigint) as replied_72h_messages,
    cast(costs.segments as bigint) as segments,
    {{ cost_amount() }} as cost_amount
from costs
left join workspaces
    on costs.workspace_key = workspaces.workspace_key
