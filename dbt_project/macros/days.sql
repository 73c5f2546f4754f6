{#-
    Bounds of a slice. Both dates are inclusive, `YYYY-MM-DD`, or none for all days.

    A constant, so that partitions of other days are never opened.
-#}
{% macro days(column, from_date, to_date, before=0, after=0) -%}
    {%- if from_date -%}
        {{ column }} between cast(date '{{ from_date }}' - interval '{{ before }}' day as date)
        and cast(date '{{ to_date }}' + interval '{{ after }}' day as date)
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{#- Whether something reached us before the slice of a day closed (`pipelines.slices`). -#}
{% macro before_close(received_at, day) -%}
    cast({{ received_at }} as date) <= {{ day }} + {{ (var('lateness_days') | int) + 1 }}
{%- endmacro %}
