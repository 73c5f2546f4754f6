{#-
    A table of messages that is made some days at a time, so that what is joined at once does not grow with the
    slice: a month has more rows than memory.

    It holds what the model's query gives for the whole slice: what a message is and what counts for it depends
    on its own day alone (`messages`), and each part reads the rows that its days may need.
-#}
{% materialization facts_in_parts, adapter='duckdb' %}
    {%- set target = this.incorporate(type='table') -%}
    {%- set parts = parts_of_slice() -%}
    {{ run_hooks(pre_hooks) }}
    {% do drop_relation_if_exists(load_cached_relation(this)) %}
    {% call statement('main') -%}
        create table {{ target }} as select * from ({{ compiled_code }}) {{ 'limit 0' if parts is not none }}
    {%- endcall %}
    {% for part in parts or [] %}
        {% call statement('part') -%}
            insert into {{ target }} {{ messages(sources_needed(part[0], part[1]), part[0], part[1]) }}
        {%- endcall %}
    {% endfor %}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}

{#- First and last day of each part, of `rows_at_once` rows unless a day has more, without a day between them; none where nothing bounds the slice. -#}
{% macro parts_of_slice() -%}
    {%- if not slice_from('all') -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set sources = slice_sources() -%}
    {%- set parts = run_query(
        "with found as (select utc_date as day from " ~ sources.outbox ~ " union all select cast(occurred_at as date) from "
        ~ sources.events ~ "), daily as (select cast(asked.day as date) as day, count(found.day) as messages from "
        ~ "generate_series(" ~ as_date(slice_from('all')) ~ ", " ~ as_date(slice_to('all')) ~ ", interval 1 day) as asked (day) "
        ~ "left join found on asked.day = found.day group by asked.day), summed as (select day, "
        ~ "cast(sum(messages) over (order by day) as bigint) as messages from daily) select min(day), max(day) from summed "
        ~ "group by (messages - 1) // " ~ var('rows_at_once') ~ " order by 1"
    ) -%}
    {{ return(parts.rows) }}
{%- endmacro %}

{#- The slice's sources, down to the rows that messages of some days may need. -#}
{% macro sources_needed(from_date, to_date) -%}
    {%- set needed = {} -%}
    {%- for name, relation in slice_sources().items() -%}
        {%- do needed.update({name: '(' ~ rows_needed(relation, from_date, to_date) ~ ')'}) -%}
    {%- endfor -%}
    {{ return(needed) }}
{%- endmacro %}
