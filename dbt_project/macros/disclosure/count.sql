{#-
    Count each cell exactly: its people, what they add together, and what the noise depends on.

    Reads `units` (see `split_nodes`). Makes:
        dominance: One row per cell of the platform, with whether few workspaces make up all of it. Not
            where every cell has noise and none is hidden.
        counts: One row per cell in which anything was counted. For each measure: its number; `_units`, the
            people who add to it, and `_cell_key`, the sum of their keys; the same of those who add something
            else to its parent (`_left`); `_bound`, the most that anybody may add, and `_excess`, what is added
            beyond it.
-#}
{% macro count_cells(cube) -%}
{%- set cells = cube.cells | join(', ') -%}
{% if cube.asks_dominance -%}
by_workspace as (

    select
        {{ cells }},
        count(unit_token) as units
    from units
    where level = 'platform'
    group by {{ cells }}, workspace_id

),

-- Where too few workspaces take part, or one has more than half, a figure of all is one of few.
dominance as (

    select
        {{ cells }},
        count(*) < {{ var('minimum_workspaces') }} or max(units) * 2 > sum(units) as is_dominated
    from by_workspace
    group by {{ cells }}

),

{% endif -%}
counts as (

    select
        {{ cells }},
        {% for measure in cube.measures -%}
        {{ people_with(measure.name ~ ' > 0', measure.name) }},
        {% if measure.parent and not measure.is_units -%}
        {{ people_with(measure.parent ~ ' > ' ~ measure.name, measure.name ~ '_left') }},
        {% endif -%}
        {% if measure.is_units -%}
        1 as {{ measure.name }}_bound,
        0 as {{ measure.name }}_excess,
        count(case when {{ measure.name }} > 0 then unit_token end) as {{ measure.name }}{{ ',' if not loop.last }}
        {% else -%}
        {{ bound_of(measure.name, var('bounding_rank')) }},
        sum({{ measure.name }}) as {{ measure.name }}{{ ',' if not loop.last }}
        {% endif -%}
        {% endfor %}
    from units
    group by {{ cells }}

),
{%- endmacro %}


{#- The people of a cell who fit a condition, and the key that their noise is drawn by. -#}
{% macro people_with(condition, name) -%}
        count(case when {{ condition }} then unit_token end) as {{ name }}_units,
        cast(mod(sum(case when {{ condition }} then record_key else 0 end), 16777216) as integer)
            as {{ name }}_cell_key
{%- endmacro %}


{#- What the n-th most active person of a cell adds, and how much more the ones before add together. -#}
{% macro bound_of(measure, n) -%}
        {%- set largest = 'max(case when unit_token is not null then ' ~ measure ~ ' else 0 end, ' ~ n ~ ')' -%}
        list_min({{ largest }}) as {{ measure }}_bound,
        list_sum({{ largest }})
            - len({{ largest }}) * list_min({{ largest }}) as {{ measure }}_excess
{%- endmacro %}


{#-
    List every cell, whether or not anything was counted there: a missing row would say so.

    Reads `per_unit`, `counts` and `dominance`. Makes:
        matched: One row per node that has leaves and value that is listed, with its counts; null where there
            are none.
-#}
{% macro list_cells(cube) -%}
{%- set dimension, cells = cube.dimension, cube.cells -%}
nodes as (

    {% if cube.leaves -%}
    {% for level, depth in cube.levels.items() -%}
    select distinct {{ node_columns(cube, level, depth) }} from {{ ref(cube.leaves) }}
    {{ 'union all' if not loop.last }}
    {% endfor -%}
    {%- else -%}
    select distinct {{ cube.nodes | join(', ') }} from per_unit
    {%- endif %}

),

grid as (

    {% if dimension -%}
    -- One list, no union: 169 hours of the week as branches took 3 GB for 75 small workspaces.
    select
        nodes.*,
        listed.cell
    from nodes
    cross join (
        values
        {% for value in ['all'] + (dimension.listed or ['other']) -%}
        ('{{ value }}'){{ ', ' if not loop.last }}
        {%- endfor %}
    ) as listed (cell)
    {% if not dimension.listed -%}
    union all
    select {{ cells | join(', ') }} from counts
    where cell not in ('all', 'other')
    {%- endif %}
    {%- else -%}
    select * from nodes
    {%- endif %}

),

matched as (

    select
        grid.{{ cells | join(', grid.') }},
        {% for measure in cube.measures -%}
        counts.{{ measure.name }},
        counts.{{ measure.name }}_units,
        counts.{{ measure.name }}_cell_key,
        {% if measure.parent and not measure.is_units -%}
        counts.{{ measure.name }}_left_units,
        counts.{{ measure.name }}_left_cell_key,
        {% endif -%}
        counts.{{ measure.name }}_bound,
        counts.{{ measure.name }}_excess,
        {% endfor -%}
        {{ 'dominance.is_dominated' if cube.asks_dominance else 'true as is_dominated' }}
    from grid
    left join counts
        on {{ agree('grid', 'counts', cells) }}
    {% if cube.asks_dominance -%}
    left join dominance
        on {{ agree('grid', 'dominance', cells) }}
    {%- endif %}

),
{%- endmacro %}
