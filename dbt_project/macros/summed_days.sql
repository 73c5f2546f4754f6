{#-
    Rows of one level of a cube of days, added up over weeks, months or all days. Sums of numbers that are right on
    average are right on average; numbers of people have no sum.

    Args:
        cube: Relation with a row per day and node.
        level: The level whose rows are added up.
        per: `week` or `month`: those that are over, by the last day with a row or the last month that was built:
            at its end no message may have been sent; `life`: all days, with the first and the last of them.
        keys: Columns that name a node.
        shared: Columns of which a row gets the value that all its days have, else `mixed`.
        measures: Columns that are added up.
-#}
{% macro summed_days(cube, level, per, measures, keys=[], shared=[]) -%}
with days as (

    select
        *,
        greatest(max(send_date) over (), (
            select last_day(max(month)) from {{ ref('cube_coverage_monthly') }}
        )) as last_built
    from {{ cube }}

)

select
    {% if per == 'life' -%}
    min(send_date) as first_send_date,
    max(send_date) as last_send_date,
    {%- else -%}
    cast(date_trunc('{{ per }}', send_date) as date) as {{ per }},
    {%- endif %}
    {%- for key in keys %}
    {{ key }},
    {%- endfor %}
    {%- for column in shared %}
    case when min({{ column }}) = max({{ column }}) then min({{ column }}) else 'mixed' end as {{ column }},
    {%- endfor %}
    {%- for measure in measures %}
    cast(sum({{ measure }}) as bigint) as {{ measure }}{{ ',' if not loop.last }}
    {%- endfor %}
from days
where level = '{{ level }}'
group by {% if per != 'life' %}date_trunc('{{ per }}', send_date){{ ', ' if keys }}{% endif %}{{ keys | join(', ') }}
{%- if per != 'life' %}
having max(last_built) >= date_trunc('{{ per }}', max(send_date)) + interval 1 {{ per }} - interval 1 day
{%- endif %}
{%- endmacro %}
