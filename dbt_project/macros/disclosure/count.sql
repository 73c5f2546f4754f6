{#-
    Count each cell exactly: its people, what they add together, and what the rounding depends on.

    Reads `units` (see `split_nodes`). Makes:
        dominance: Of members: one row per cell, with whether few workspaces make up all of it.
        counts: One row per cell in which anything was counted. For each piece: its number; `_people`, those
            who add to it, and `_cell_key`, the sum of their keys; `_bound`, the most that anybody may add, and
            `_excess`, what is added beyond it.
-#}
{% macro count_cells(cube) -%}
{%- set cells = cube.cells | join(', ') -%}
{% if cube.unit == 'member' -%}
by_workspace as (

    select
        {{ cells }},
        count(unit_token) as units
    from units
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
        {% for piece in cube.pieces -%}
        {%- set counts_in = [piece.name ~ ' > 0'] -%}
        {%- for other in piece.unless %}{% set _ = counts_in.append(other ~ ' = 0') %}{% endfor -%}
        {%- set condition = counts_in | join(' and ') -%}
        count(case when {{ condition }} then unit_token end) as {{ piece.name }}_people,
        sum(case when {{ condition }} then record_key end) as {{ piece.name }}_cell_key,
        {% if piece.is_units -%}
        count(case when {{ condition }} then unit_token end) as {{ piece.name }},
        1 as {{ piece.name }}_bound,
        0 as {{ piece.name }}_excess{{ ',' if not loop.last }}
        {% else -%}
        {{ bound_of(piece.name, var('bounding_rank') | int, piece.is_personal) }},
        sum({{ piece.name }}) as {{ piece.name }}{{ ',' if not loop.last }}
        {% endif -%}
        {% endfor %}
    from units
    group by {{ cells }}

),
{%- endmacro %}


{#-
    What the n-th most active person of a cell adds, and how much more the ones before add together. Of fewer
    people, the least active one bounds the others.

    Args:
        is_personal: Whether the bound must not be what a person adds: it is then the next power of two.
-#}
{% macro bound_of(piece, n, is_personal) -%}
        {%- set largest = 'max(case when unit_token is not null and ' ~ piece ~ ' > 0 then ' ~ piece ~ ' end, ' ~ n ~ ')' -%}
        {%- if is_personal -%}
        {%- set bound = 'cast(power(2, ceil(log2(list_min(' ~ largest ~ ')))) as bigint)' -%}
        coalesce({{ bound }}, 1) as {{ piece }}_bound,
        0
        {%- for place in range(1, n + 1) %}
        + coalesce(greatest(list_extract({{ largest }}, {{ place }}) - {{ bound }}, 0), 0)
        {%- endfor %} as {{ piece }}_excess
        {%- else -%}
        coalesce(list_min({{ largest }}), 1) as {{ piece }}_bound,
        coalesce(list_sum({{ largest }}) - len({{ largest }}) * list_min({{ largest }}), 0) as {{ piece }}_excess
        {%- endif -%}
{%- endmacro %}


{#-
    List every cell, whether or not anything was counted there: a missing row would say so.

    Reads `per_unit`, `counts` and `dominance`. Makes:
        matched: One row per node that has leaves and value that is listed, with its counts; null where there
            are none. Cells of members that few workspaces make up are not there.
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
    -- One list, no union: 168 hours of the week as branches took 3 GB for 75 small workspaces.
    select
        nodes.*,
        listed.cell
    from nodes
    cross join (
        values
        {% for value in dimension.listed or ['other'] -%}
        ('{{ value }}'){{ ', ' if not loop.last }}
        {%- endfor %}
    ) as listed (cell)
    {% if not dimension.listed -%}
    union all
    select {{ cells | join(', ') }} from counts
    where cell <> 'other'
    {%- endif %}
    {%- else -%}
    select * from nodes
    {%- endif %}

),

matched as (

    select
        grid.*,
        counts.* exclude ({{ cells | join(', ') }})
    from grid
    left join counts
        on {{ agree('grid', 'counts', cells) }}
    {% if cube.unit == 'member' -%}
    inner join dominance
        on
            {{ agree('grid', 'dominance', cells) }}
            and not dominance.is_dominated
    {%- endif %}

),
{%- endmacro %}
