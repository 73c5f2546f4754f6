{#-
    Place the rows of a slice in the nodes of the spine, and sum up what each person adds to each node.

    A row lies in one leaf, and so in one node of every level. What has no person (`unit_token` is null) is
    summed up too: its messages count, nobody does.

    Makes:
        placed: One row per fact, with the columns that name its leaf and what it adds to each piece.
        per_unit: One row per node, value of the dimension and person.
-#}
{% macro place_rows(cube) -%}
{%- set dimension = cube.dimension -%}
placed as (

    select
        facts.{{ cube.period }},
        {% for column in cube.path -%}
        leaves.{{ column }},
        {% endfor -%}
        facts.workspace_id,
        facts.unit_token,
        facts.record_key,
        {% if dimension -%}
        coalesce({{ dimension.sql }}, 'unknown') as cell,
        {% endif -%}
        {% for piece in cube.pieces -%}
        {{ piece.sql }} as {{ piece.name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref(cube.facts) }} as facts
    {% if cube.leaves -%}
    inner join {{ ref(cube.leaves) }} as leaves
        on {{ agree('facts', 'leaves', [cube.period] + cube.leaf_keys) }}
    {% endif %}

),

-- What each person adds to each node. Workspaces never share a token, so a person is in one workspace.
per_unit as (

    -- Level by level: as grouping sets all of them would be in memory at once.
    {% for level, depth in cube.levels.items() -%}
    {%- set named = [cube.period] + cube.path[:depth] + (['cell'] if dimension else []) -%}
    select
        {{ node_columns(cube, level, depth) }},
        {{ 'cell,' if dimension }}
        workspace_id,
        unit_token,
        min(record_key) as record_key,
        {% for piece in cube.pieces -%}
        cast(sum({{ piece.name }}) as {{ 'bigint' if piece.is_sum else 'integer' }}) as {{ piece.name }}{{ ',' if not loop.last }}
        {% endfor %}
    from placed
    group by {{ (named + ['workspace_id', 'unit_token']) | join(', ') }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),
{%- endmacro %}


{#- Columns that name a node of a level: what the level does not split reads `all`. -#}
{% macro node_columns(cube, level, depth) -%}
{{ cube.period }},
        '{{ level }}' as level
        {%- for column in cube.path -%}
        ,
        {{ column if loop.index <= depth else "'all'" }} as {{ column }}
        {%- endfor -%}
{%- endmacro %}
