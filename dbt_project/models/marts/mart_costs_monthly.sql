with costs as (

    {{ costs(ref('cube_tariffs_monthly'), ref('cube_currencies_monthly'), by_workspace=false) }}

)

select
    costs.month,
    cast('platform' as varchar) as level,
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
