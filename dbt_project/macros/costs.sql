{#-
    What each tariff cost, and per currency all tariffs of few contacts together: the currency's total without those
    that stand alone, so that rows add up to what the currency cost.

    Args:
        of_tariffs, of_currencies: The cubes of both.
        by_workspace: Whether each workspace has rows of its own; else they are those of the platform.
-#}
{% macro costs(of_tariffs, of_currencies, by_workspace) -%}
{%- set keys = ['month'] + (['workspace_key'] if by_workspace else []) + ['cost_currency'] -%}
{%- set measures = ['accepted_messages', 'delivered_messages', 'replied_72h_messages', 'segments', 'cost_micros'] -%}
with tariffs as (

    select
        {{ keys[:-1] | join(', ') }},
        split_part(tariff, ' ', 4) as cost_currency,
        tariff,
        split_part(tariff, ' ', 1) as channel,
        split_part(tariff, ' ', 2) as message_category,
        split_part(tariff, ' ', 3) as contact_country,
        {% for measure in measures -%}
        sum({{ measure }}) as {{ measure }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ of_tariffs }}
    where tariff like '% % % %'
    group by {{ keys[:-1] | join(', ') }}, tariff

),

named as (

    select
        {{ keys | join(', ') }},
        {% for measure in measures -%}
        sum({{ measure }}) as {{ measure }}{{ ',' if not loop.last }}
        {% endfor %}
    from tariffs
    group by {{ keys | join(', ') }}

),

currencies as (

    select
        {{ keys | join(', ') }},
        {% for measure in measures -%}
        sum({{ measure }}) as {{ measure }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ of_currencies }}
    group by {{ keys | join(', ') }}

)

select * from tariffs
union all by name
select
    currencies.{{ keys | join(', currencies.') }},
    'other ' || currencies.cost_currency as tariff,
    'other' as channel,
    'other' as message_category,
    'other' as contact_country,
    {% for measure in measures -%}
    greatest(currencies.{{ measure }} - coalesce(named.{{ measure }}, 0), 0) as {{ measure }}{{ ',' if not loop.last }}
    {% endfor %}
from currencies
left join named
    on
        {{ agree('currencies', 'named', keys) }}
{%- endmacro %}


{#- What a row of `costs` cost; amounts of several currencies have no sum, and what has no price has no cost. -#}
{% macro cost_amount() -%}
case
        when costs.cost_currency not in ('other', 'unknown')
            then cast(costs.cost_micros / 1000000 as decimal(18, 6))
    end
{%- endmacro %}
