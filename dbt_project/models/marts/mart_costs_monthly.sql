-- What each tariff cost, and per currency all tariffs of few contacts together: the currency's total without
-- those that stand alone, so that rows add up to what the currency cost.
with tariffs as (

    select
        *,
        split_part(tariff, ' ', 1) as channel,
        split_part(tariff, ' ', 2) as message_category,
        split_part(tariff, ' ', 3) as contact_country,
        split_part(tariff, ' ', 4) as cost_currency
    from {{ ref('cube_tariffs_monthly') }}
    where tariff like '% % % %'

),

currencies as (

    select * from {{ ref('cube_currencies_monthly') }}

),

workspaces as (

    select * from {{ ref('dim_published_workspaces') }}

),

named as (

    select
        month,
        workspace_key,
        cost_currency,
        sum(accepted_messages) as accepted_messages,
        sum(delivered_messages) as delivered_messages,
        sum(replied_72h_messages) as replied_72h_messages,
        sum(segments) as segments,
        sum(cost_micros) as cost_micros
    from tariffs
    group by month, workspace_key, cost_currency

),

costs as (

    select
        month,
        workspace_key,
        cost_currency,
        channel,
        message_category,
        contact_country,
        accepted_messages,
        delivered_messages,
        replied_72h_messages,
        segments,
        cost_micros
    from tariffs
    union all
    select
        currencies.month,
        currencies.workspace_key,
        currencies.cost_currency,
        'other' as channel,
        'other' as message_category,
        'other' as contact_country,
        greatest(currencies.accepted_messages - coalesce(named.accepted_messages, 0), 0) as accepted_messages,
        greatest(currencies.delivered_messages - coalesce(named.delivered_messages, 0), 0)
            as delivered_messages,
        greatest(currencies.replied_72h_messages - coalesce(named.replied_72h_messages, 0), 0)
            as replied_72h_messages,
        greatest(currencies.segments - coalesce(named.segments, 0), 0) as segments,
        greatest(currencies.cost_micros - coalesce(named.cost_micros, 0), 0) as cost_micros
    from currencies
    left join named
        on
            currencies.month = named.month
            and currencies.workspace_key = named.workspace_key
            and currencies.cost_currency = named.cost_currency

)

select
    costs.month,
    costs.workspace_key,
    {{ workspace_label('costs.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    costs.cost_currency,
    costs.channel,
    costs.message_category,
    costs.contact_country,
    cast(costs.accepted_messages as bigint) as accepted_messages,
    cast(costs.delivered_messages as bigint) as delivered_messages,
    cast(costs.replied_72h_messages as bigint) as replied_72h_messages,
    cast(costs.segments as bigint) as segments,
    -- Amounts of several currencies have no sum, and what has no price has no cost.
    case
        when costs.cost_currency not in ('other', 'unknown')
            then cast(costs.cost_micros / 1000000 as decimal(18, 6))
    end as cost_amount
from costs
left join workspaces
    on costs.workspace_key = workspaces.workspace_key
