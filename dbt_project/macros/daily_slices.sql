{#-
    Configuration of a cube: one slice per send day, rebuilt as a whole, never reading another day.

    Cubes bound their slices themselves, by partition (macro `days`): the filter dbt could add, and warns it
    does not, would come after the aggregation.
-#}
{% macro daily_slices() -%}
    {{ return({
        'materialized': 'incremental',
        'incremental_strategy': 'microbatch',
        'event_time': 'send_date',
        'batch_size': 'day',
        'begin': '2009-01-01',
        'lookback': 0,
        'concurrent_batches': false,
        'on_schema_change': 'fail',
    }) }}
{%- endmacro %}
