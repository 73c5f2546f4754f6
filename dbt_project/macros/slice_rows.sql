{#- The rows of a relation that messages of the slice being built may need. -#}
{% macro slice_rows(relation) -%}
{{ rows_needed(relation, slice_from('all'), slice_to('all')) }}
{%- endmacro %}

{#-
    The rows of a relation that messages of some days may need.

    A store partition's day is the earlier of event and receipt, and an event lies at most 24 h after its
    receipt: so an event of day D stands in the partitions of D - 1 and D. A message's own events begin up to
    a horizon and a day before it, where it was counted on an earlier day.
-#}
{% macro rows_needed(relation, from_date, to_date) -%}
select * from {{ relation }}
where {{ days('event_date', from_date, to_date, before=(var('lateness_days') | int) + 2, after=var('lateness_days')) }}
{%- endmacro %}
