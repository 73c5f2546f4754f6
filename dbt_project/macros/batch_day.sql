{#- The day of the slice being built; none while dbt parses and in unit tests. -#}
{% macro batch_day() -%}
    {%- if model.batch -%}
        {{ return(model.batch.event_time_start.strftime('%Y-%m-%d')) }}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}
