{#-
    Split each node by the dimension.

    A value is a cell of its node. Of an open dimension only values of enough people are cells of their own;
    all others together are the cell `other`.

    Reads `per_unit` (see `place_rows`). Makes:
        units: One row per cell and person, with what the person adds there.
-#}
{% macro split_nodes(cube) -%}
{%- set dimension, nodes, cells = cube.dimension, cube.nodes, cube.cells -%}
{% if dimension and not dimension.listed -%}
{{ place_values(cube) }}

units as (

    select
        per_unit.{{ nodes | join(', per_unit.') }},
        case when placements.stands_alone then per_unit.cell else 'other' end as cell,
        per_unit.workspace_id,
        per_unit.unit_token,
        min(per_unit.record_key) as record_key,
        {% for piece in cube.pieces -%}
        cast(sum(per_unit.{{ piece.name }}) as {{ 'bigint' if piece.is_sum else 'integer' }}) as {{ piece.name }}{{ ',' if not loop.last }}
        {% endfor %}
    from per_unit
    inner join placements
        on {{ agree('per_unit', 'placements', ['cell'] + nodes) }}
    group by all

),
{%- else -%}
units as (

    select * from per_unit

),
{%- endif -%}
{%- endmacro %}


{#-
    Decide which values of an open dimension are cells of their own in which nodes.

    A value stands alone if its people are enough even where their number is rounded down as far as it can be;
    by the rounded number, so that one person more or less does not decide. All others are `other`, which is
    always there, however few they are.

    Reads `per_unit`. Makes:
        placements: One row per node and value, with whether it stands alone.
-#}
{% macro place_values(cube) -%}
{%- set base = var('rounding_base') | int -%}
people as (

    select
        {{ cube.cells | join(', ') }},
        count(unit_token) as units,
        sum(record_key) as cell_key
    from per_unit
    where {% for piece in cube.pieces %}{{ piece.name }} > 0{{ ' or ' if not loop.last }}{% endfor %}
    group by {{ cube.cells | join(', ') }}

),

placements as (

    select
        {{ cube.cells | join(', ') }},
        {{ rounded('units', base, 'cell_key') }} >= {{ cube.minimum_units + base - 1 }} as stands_alone
    from people

),
{%- endmacro %}
