with cells as (

    select
        *,
        split_part(tariff, ' ', 1) as channel,
        split_part(tariff, ' ', 2) as message_category,
        split_part(tariff, ' ', 3) as contact_country,
        split_part(tariff, ' ', 4) as cost_currency
    from {{ ref('cube_tariffs_monthly') }}
    -- The total and the rest have no one price.
    where tariff like '% % % %'

),

prices as (

    select * from {{ ref('cube_prices_monthly') }}

),

workspaces as (

    select * from {{ ref('dim_published_workspaces') }}

),

priced as (

    select
        cells.*,
        coalesce(own.unit_price_amount, by_category.unit_price_amount, by_channel.unit_price_amount)
            as unit_price_amount,
        case
            when own.unit_price_amount is not null then 'tariff'
            when by_category.unit_price_amount is not null then 'category'
            when by_channel.unit_price_amount is not null then 'channel'
        end as price_basis
    from cells
    left join prices as own
        on
            cells.month = own.month
            and cells.tariff = own.tariff
    left join prices as by_category
        on
            cells.month = by_category.month
            and by_category.tariff
            = cells.channel || ' ' || cells.message_category || ' ' || cells.cost_currency
    left join prices as by_channel
        on
            cells.month = by_channel.month
            and by_channel.tariff = cells.channel || ' ' || cells.cost_currency

)

select
    priced.month,
    priced.level,
    priced.workspace_key,
    {{ workspace_label('priced.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    priced.tariff,
    priced.channel,
    priced.message_category,
    priced.contact_country,
    priced.accepted_messages,
    priced.accepted_messages_flag,
    priced.delivered_messages,
    priced.delivered_messages_flag,
    priced.replied_72h_messages,
    priced.replied_72h_messages_flag,
    priced.segments,
    priced.segments_flag,
    priced.unit_price_amount,
    priced.price_basis,
    cast(
        priced.unit_price_amount
        * case when priced.channel = 'sms' then priced.segments else priced.accepted_messages end
        as decimal(18, 6)
    ) as cost_amount,
    case when priced.channel = 'sms' then priced.segments_flag else priced.accepted_messages_flag end
        as cost_amount_flag,
    priced.cost_currency
from priced
left join workspaces
    on priced.workspace_key = workspaces.workspace_key
