{#-
    Bounds of a slice. Both dates are inclusive, `YYYY-MM-DD` or an expression in parentheses, or none for all days.

    A constant once a query is planned, so that partitions of other days are never opened.
-#}
{% macro days(column, from_date, to_date, before=0, after=0) -%}
    {%- if from_date -%}
        {{ column }} between cast({{ as_date(from_date) }} - interval '{{ before }}' day as date)
        and cast({{ as_date(to_date) }} + interval '{{ after }}' day as date)
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{#- Whether something reached us before the slice of a day closed (`calendar.closing_day`). -#}
{% macro before_close(received_at, day) -%}
    cast({{ received_at }} as date) < {{ day }} + {{ (var('lateness_days') | int) + (var('closing_margin_days') | int) }}
{%- endmacro %}

{% macro as_date(day) -%}
    {{ day if (day | string).startswith('(') else "date '" ~ day ~ "'" }}
{%- endmacro %}

{#-
    A day that a session may set before it asks, by `set variable`; all days are read where it sets none.

    DuckDB cannot tell from a message's day which partitions it needs: the day comes out of joins.
-#}
{% macro asked_day(variable, otherwise) -%}
    (coalesce(cast(getvariable('{{ variable }}') as date), date '{{ otherwise }}'))
{%- endmacro %}
