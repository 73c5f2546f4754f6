{#- A share of one measure in another: at most 1, empty where there is nothing to divide by. -#}
{% macro rate(over, under) -%}
least(cast({{ over }} as double) / nullif({{ under }}, 0), 1)
{%- endmacro %}
