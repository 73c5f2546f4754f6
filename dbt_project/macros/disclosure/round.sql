{#-
    Round the counts of each cell at random, and sum up the measures.

    What is rounded is disjoint, and wholes are sums of it: so no part is larger than its whole. A number is a
    multiple of the base; where people add several messages each, of the base times the bound, which is what the
    third most active adds: one person with hundreds of messages would be seen. Nobody adds more than that.

    Reads `matched` (see `list_cells`). Makes:
        rounded: One row per cell: of each piece its number, rounded, and `_step`, what it is a multiple of.
        published: One row per cell, with its columns as they are published: each measure, and `_squares`, the
            squared steps of its pieces.
-#}
{% macro round_counts(cube) -%}
{%- set base, wholes = var('rounding_base') | int, {} -%}
rounded as (

    select
        *,
        {% for piece in cube.pieces -%}
        {#- A base of 1, which no policy may have, rounds nothing: attacks and utility compare with it. #}
        {%- set step = base ~ ' * coalesce(' ~ piece.name ~ '_bound, 1)' if base > 1 else 1 -%}
        {{ rounded('coalesce(' ~ piece.name ~ ' - ' ~ piece.name ~ '_excess, 0)', step, piece.name ~ '_cell_key') }}
            as {{ piece.name }}_rounded,
        {#- A step of its own beside a zero would say that it is none. #}
        case when {{ piece.name }}_rounded > 0 then {{ step }} else {{ base }} end as {{ piece.name }}_step
        {{- ',' if not loop.last }}
        {% endfor %}
    from matched

),

published as (

    select
        cast({{ cube.period }} as date) as {{ cube.period }},
        {% for column in cube.nodes[1:] -%}
        cast({{ column }} as varchar) as {{ column }},
        {% endfor -%}
        {% if cube.dimension -%}
        cast(cell as varchar) as {{ cube.dimension.name }},
        {% endif -%}
        {% for measure in cube.measures -%}
        {%- set whole = measure.pieces | join('_rounded + ') ~ '_rounded' -%}
        {%- set shown = 'least(' ~ whole ~ ', ' ~ wholes[measure.at_most] ~ ')' if measure.at_most else whole -%}
        {%- set _ = wholes.update({measure.name: shown}) -%}
        cast({{ shown }} as bigint) as {{ measure.name }},
        {#- A number is as likely anywhere between two steps: the variance is a sixth of their distance squared. #}
        cast({{ measure.pieces | join('_step ^ 2 + ') }}_step ^ 2 as double) as {{ measure.name }}_squares
        {{- ',' if not loop.last }}
        {% endfor %}
    from rounded

)
{%- endmacro %}


{#-
    Round a number at random to a multiple of a step: up with the probability that makes it right on average.

    The sum of the people's record keys decides, which is as likely anywhere in its 24 bits: the same people
    always get the same answer, so that asking again teaches nothing. Fixed random rounding, as in the tables of
    Statistics New Zealand. A zero stays a zero. Where nobody is counted there is no key, and it is rounded to the
    nearest.
-#}
{% macro rounded(number, step, cell_key) -%}
    (({{ number }}) // ({{ step }})
            + case
                when ({{ number }}) % ({{ step }})
                    > coalesce({{ cell_key }} % 16777216, 8388608) / 16777216.0 * ({{ step }})
                    then 1
                else 0
            end) * ({{ step }})
{%- endmacro %}
