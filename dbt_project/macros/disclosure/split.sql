{#-
    Split each node by the dimension, beside its total `all`.

    A value is a cell of its node. Of an open dimension only values of enough people are cells of their own;
    all others together are the cell `other`.

    Reads `per_unit` (see `place_rows`). Makes:
        units: One row per cell and person, with what the person adds there.
-#}
{% macro split_nodes(cube) -%}
{%- set dimension, nodes, cells = cube.dimension, cube.nodes, cube.cells -%}
{%- set measures = cube.measures | map(attribute='name') | list -%}
{%- set is_open = dimension and not dimension.listed -%}
{% if is_open -%}
{{ place_values(cube) }}

{% endif -%}
{% if dimension -%}
split as (

    select
        per_unit.{{ nodes | join(', per_unit.') }},
        {% if is_open -%}
        case when placements.stands_alone then per_unit.cell else 'other' end as cell,
        {% else -%}
        per_unit.cell,
        {% endif -%}
        per_unit.workspace_id,
        per_unit.unit_token,
        per_unit.record_key,
        per_unit.{{ measures | join(', per_unit.') }}
    from per_unit
    {% if is_open -%}
    inner join placements
        on {{ agree('per_unit', 'placements', ['cell'] + nodes) }}
    {% endif %}
    union all
    select
        {{ nodes | join(', ') }},
        'all' as cell,
        workspace_id,
        unit_token,
        record_key,
        {{ measures | join(', ') }}
    from per_unit

),

units as (

    select
        {{ cells | join(', ') }},
        workspace_id,
        unit_token,
        min(record_key) as record_key,
        {% for measure in measures -%}
        cast(sum({{ measure }}) as integer) as {{ measure }}{{ ',' if not loop.last }}
        {% endfor %}
    from split
    group by {{ (cells + ['workspace_id', 'unit_token']) | join(', ') }}

),
{%- else -%}
units as (

    select * from per_unit

),
{%- endif -%}
{%- endmacro %}


{#-
    Decide which values of an open dimension are cells of their own in which nodes.

    Reads `perturbation` and `per_unit`. Makes:
        placements: One row per node and value, with whether it stands alone.
-#}
{% macro place_values(cube) -%}
counted as (

    select * from per_unit
    where {% for measure in cube.measures %}{{ measure.name }} > 0{{ ' or ' if not loop.last }}{% endfor %}

),

people as (

    select
        {{ cube.cells | join(', ') }},
        count(unit_token) as units,
        cast(mod(sum(record_key), 256) as integer) as cell_key
    from counted
    group by {{ cube.cells | join(', ') }}

),

-- A value stands alone if there are enough people even without its noise; drawn with it, so that one person
-- more or less does not decide. All others are `other`, which is always there, however few they are.
placements as (

    select
        people.{{ cube.cells | join(', people.') }},
        people.units + {{ noise_of('people.units', 'people.cell_key') }}
        >= {{ cube.minimum_units }} + perturbation.largest_noise as stands_alone
    from people
    cross join perturbation

),
{%- endmacro %}
