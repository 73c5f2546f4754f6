{#- A share of one measure in another: at most 1, empty where one is or there is nothing to divide by. -#}
{% macro rate(over, under) -%}
case when {{ under }} > 0 and {{ over }} >= 0 then least(cast({{ over }} as double) / {{ under }}, 1) end
{%- endmacro %}
