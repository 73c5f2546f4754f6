{#-
    The sum of a measure over several published rows, and its flag. A count below k counts as 0: the sum is a
    lower bound, `>=`. Nearly all of a whole counts as all but k - 1, which is an estimate, `~`: fewer than k
    people are missing, and they may have more messages than one.
-#}
{% macro summed(measure, parent=none, relation='cells') -%}
cast(
            sum(
                case
                    when {{ relation }}.{{ measure }} is not null then {{ relation }}.{{ measure }}
                    {%- if parent %}
                    when {{ relation }}.{{ measure }}_flag = '>n-k'
                        then coalesce({{ relation }}.{{ parent }} - {{ (var('minimum_contacts') | int) - 1 }}, 0)
                    {%- endif %}
                    else 0
                end
            ) as bigint
        ) as {{ measure }},
        cast(
            case
                {%- if parent %}
                when bool_or({{ relation }}.{{ measure }}_flag = '>n-k') then '~'
                {%- endif %}
                when count({{ relation }}.{{ measure }}_flag) > 0 then '>='
            end as varchar
        ) as {{ measure }}_flag
{%- endmacro %}

{#- One measure over another; empty where either is coded or a lower bound only. -#}
{% macro rate(over, under) -%}
case
        when {{ over }}_flag is null and {{ under }}_flag is null
            then cast({{ over }} as double) / nullif({{ under }}, 0)
    end
{%- endmacro %}
