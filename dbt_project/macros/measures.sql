{#- The additive measures of `cube_campaign_daily`, in order. -#}
{% macro message_measures() -%}
    {{ return([
        'attempted_messages',
        'accepted_messages',
        'sent_messages',
        'delivered_messages',
        'read_messages',
        'clicked_messages',
        'replied_24h_messages',
        'replied_72h_messages',
        'opted_out_messages',
        'failed_messages',
        'skipped_cap_messages',
        'skipped_opt_out_messages',
        'skipped_invalid_messages',
        'skipped_other_messages',
        'segments',
    ]) }}
{%- endmacro %}

{#- Sums of the additive measures, each under its own name. -#}
{% macro summed_measures() -%}
    {% for measure in message_measures() -%}
    cast(sum({{ measure }}) as bigint) as {{ measure }}{{ ',' if not loop.last }}
    {% endfor -%}
{%- endmacro %}

{#- Cost over several rows: amounts of two currencies have no sum, and a missing one makes it too low. -#}
{% macro summed_cost() -%}
    cast(
        case when count(distinct cost_currency) = 1 and count(cost_currency) = count(*) then sum(cost_amount) end
        as decimal(18, 6)
    ) as cost_amount,
    cast(
        case when count(distinct cost_currency) = 1 and count(cost_currency) = count(*) then min(cost_currency) end
        as varchar
    ) as cost_currency
{%- endmacro %}

{#- Every rate with its denominator; null where that is zero. -#}
{% macro rates(prefix='') -%}
    {% for name, numerator, denominator in [
        ('delivery_rate', 'delivered_messages', 'attempted_messages'),
        ('read_rate', 'read_messages', 'delivered_messages'),
        ('click_rate', 'clicked_messages', 'delivered_messages'),
        ('reply_72h_rate', 'replied_72h_messages', 'delivered_messages'),
        ('opt_out_rate', 'opted_out_messages', 'delivered_messages'),
        ('failure_rate', 'failed_messages', 'attempted_messages'),
    ] -%}
    cast({{ prefix }}{{ numerator }} as double) / nullif({{ prefix }}{{ denominator }}, 0) as {{ name }}{{ ',' if not loop.last }}
    {% endfor -%}
{%- endmacro %}
