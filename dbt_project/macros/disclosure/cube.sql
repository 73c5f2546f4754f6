{#-
    One anonymous table: counts of people and of their messages in the nodes of a spine.

    Its steps stand one to a file: place, split, count, round. Each makes common table expressions that the next
    one reads.

    Args:
        name: A cube of `macros/generated/cubes.sql`.

    Returns:
        A query: see `cube_query`.
-#}
{% macro cube(name) -%}
{{ cube_query(cube_declarations()[name]) }}
{%- endmacro %}


{#-
    The query of any declaration.

    Every number is rounded at random by its cell's key; nothing else of a row of the store gets out. See
    `pipelines/declarations/cube.py` for the declarations in YAML that these are made of, and docs/analysts.md for
    how to read the result.

    Args:
        declared: A mapping:
            facts: Model of the slice; one row per thing counted, with `unit_token`, `record_key`, `workspace_id`.
            leaves: Model that places each fact in the finest node of the spine; none = the platform is the spine.
            leaf_keys: Columns by which facts find their leaf, beside the period.
            period: Column of the slice.
            path: Columns that name a node of the finest level, coarse to fine.
            levels: Level -> its depth: these get rows; a node of depth d is named by the first d of ``path``.
            dimension: {name, sql, listed} or none. Closed (``listed`` holds its values): every value is listed
                in every node. Open: values of few join `other`, which every node lists.
            pieces: [{name, sql, is_units, is_sum, unless}]: what is rounded by itself. A person is counted in a piece
                only if in none of ``unless``.
            measures: [{name, pieces, at_most}]: sums of pieces; ``at_most`` is a measure before it, or none.
            minimum_units: The threshold k.
            unit: contact, member or event.
        last: A query over the steps; what is published if not given.

    Returns:
        A query: one row per slice, node and value of the dimension, with each measure and its squares (see `round_counts`).
-#}
{% macro cube_query(declared, last='select * from published') -%}
{#- The steps know more: columns that name a node, and a cell of it. -#}
{%- set nodes = [declared.period, 'level'] + declared.path -%}
{%- set cube = dict(declared, nodes=nodes, cells=nodes + (['cell'] if declared.dimension else [])) -%}
with {{ place_rows(cube) }}

{{ split_nodes(cube) }}

{{ count_cells(cube) }}

{{ list_cells(cube) }}

{{ round_counts(cube) }}

{{ last }}
{%- endmacro %}


{#- Condition: two relations agree in some columns. -#}
{% macro agree(left, right, columns) -%}
    {% for column in columns -%}
    {{ 'and ' if not loop.first }}{{ left }}.{{ column }} = {{ right }}.{{ column }}
    {% endfor %}
{%- endmacro %}


{#- Where a cube's value stands among those it lists, from 1; what is not listed comes last. -#}
{% macro place_in_order(name) -%}
{%- set dimension = cube_declarations()[name].dimension -%}
cast(coalesce(list_position(
        ['{{ dimension.listed | join("', '") }}'], cells.{{ dimension.name }}
    ), {{ dimension.listed | length + 1 }}) as smallint)
{%- endmacro %}
