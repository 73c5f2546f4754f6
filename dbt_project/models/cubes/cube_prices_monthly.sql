{{ config(**slices('month')) }}

-- The price list: what one message or segment of a tariff costs. Providers set prices by tariff, not by
-- person; one that messages to fewer than k contacts had is not listed, and the wider tariff's applies.
with priced as (

    select
        month,
        unit_token,
        channel,
        message_category,
        contact_country,
        cost_currency,
        cast(cost_amount as double)
        / case when channel = 'sms' then nullif(segments, 0) else 1 end as unit_price
    from {{ ref('slice_month_messages') }}
    where
        is_accepted
        and cost_amount is not null
        and unit_token is not null

),

listed as (

    select
        month,
        concat_ws(
            ' ',
            channel,
            case when grouping(message_category) = 0 then message_category end,
            case when grouping(contact_country) = 0 then contact_country end,
            cost_currency
        ) as tariff,
        cost_currency,
        count(distinct unit_token) as contacts,
        median(unit_price) as unit_price
    from priced
    where unit_price is not null
    group by
        grouping sets (
            (month, cost_currency, channel, message_category, contact_country),
            (month, cost_currency, channel, message_category),
            (month, cost_currency, channel)
        )

)

select
    cast(month as date) as month,
    cast(tariff as varchar) as tariff,
    cast(cost_currency as varchar) as cost_currency,
    cast(unit_price as decimal(18, 6)) as unit_price_amount
from listed
where contacts >= {{ var('minimum_contacts') }}
