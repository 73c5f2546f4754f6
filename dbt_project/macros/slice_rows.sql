{#- The rows of a relation that messages of the slice being built may need. -#}
{% macro slice_rows(relation) -%}
{{ rows_needed(relation, slice_from('all'), slice_to('all')) }}
{%- endmacro %}

{#-
    The rows of a relation that messages of some days may need.

    A store partition's day is the earlier of event and receipt, and an event lies at most 24 h after its
    receipt: so an event of day D stands in the partitions of D - 1 and D. A workspace's day begins up to a day
    before the same day in UTC, and ends up to a day after it. A message's own events begin up to a horizon and a
    day before it, where it was counted on an earlier day (`first_day_read` in `pipelines/declarations/calendar.py`).

    Args:
        before, after: Days around them, where a relation is asked for fewer than that.
-#}
{% macro rows_needed(relation, from_date, to_date, before=none, after=none) -%}
{%- set horizon = var('lateness_days') | int -%}
select * from {{ relation }}
where {{ days(
    'event_date',
    from_date,
    to_date,
    before=horizon + 3 if before is none else before,
    after=horizon + 1 if after is none else after
) }}
{%- endmacro %}
