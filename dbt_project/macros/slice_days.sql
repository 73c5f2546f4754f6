{#-
    First day of the slice being built, `YYYY-MM-DD`; none while dbt parses and in unit tests.

    A run builds the days from `--event-time-start` to the day before `--event-time-end` (`day`), the months
    whose last day is among them (`month`), and reads for both at once (`all`).
-#}
{% macro slice_from(period) -%}
    {%- set start = invocation_args_dict.get('event_time_start') if execute else none -%}
    {%- if not start -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set has_month = slice_to('month') >= start.strftime('%Y-%m-%d') -%}
    {%- set is_whole = period == 'month' or (period == 'all' and has_month) -%}
    {{ return((start.replace(day=1) if is_whole else start).strftime('%Y-%m-%d')) }}
{%- endmacro %}

{#- Last day of the slice being built, inclusive. -#}
{% macro slice_to(period) -%}
    {%- set end = invocation_args_dict.get('event_time_end') if execute else none -%}
    {%- if not end -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set last = (end.replace(day=1) if period == 'month' else end) - modules.datetime.timedelta(days=1) -%}
    {{ return(last.strftime('%Y-%m-%d')) }}
{%- endmacro %}

{#-
    Configuration of a cube: what is built of a period takes the place of what a failed build left of it. A
    measure that was declared since is a new column, empty in slices that were built before.
-#}
{% macro slices(column) -%}
    {{ return({
        'materialized': 'incremental',
        'incremental_strategy': 'delete+insert',
        'unique_key': column,
        'on_schema_change': 'append_new_columns',
        'tags': ['monthly' if column == 'month' else 'daily'],
    }) }}
{%- endmacro %}
