{#-
    Make what becomes visible of the counts.

    A part is never larger than its whole, nor are people more than their messages, also after noise. What is
    below the threshold, or leaves less than that of its whole, is empty and has a flag instead.

    Reads `perturbed` (see `perturb_counts`). Makes:
        published: One row per cell, with its columns as they are published.
-#}
{% macro publish_counts(cube) -%}
{%- set k, measures, dimension = cube.minimum_units, cube.measures, cube.dimension -%}
{#- One after the other: a measure is bounded by its parent, which was bounded before. -#}
{% for measure in measures -%}
{{ 'bounded_' ~ loop.index }} as (

    select
        *,
        {% if measure.parent -%}
        least({{ measure.name }}_units_drawn, {{ measure.parent }}_units) as {{ measure.name }}_units,
        least(
            greatest({{ measure.name }}_drawn, {{ measure.name }}_units_drawn), {{ measure.parent }}_bounded
        ) as {{ measure.name }}_bounded
        {%- else -%}
        {{ measure.name }}_units_drawn as {{ measure.name }}_units,
        greatest({{ measure.name }}_drawn, {{ measure.name }}_units_drawn) as {{ measure.name }}_bounded
        {%- endif %}
    from {{ 'perturbed' if loop.first else 'bounded_' ~ loop.index0 }}

),

{% endfor -%}
coded as (

    select
        *,
        {% for measure in measures -%}
        case
            when is_hidden or {{ measure.name }}_units < {{ k }} then '<k'
            {% if measure.parent and measure.is_units -%}
            when {{ measure.parent }}_units - {{ measure.name }}_units < {{ k }} then '>n-k'
            {% elif measure.parent -%}
            -- Few people have a message of the whole that is not in the part, or it is few messages.
            when
                {{ measure.name }}_left_units_drawn < {{ k }}
                or {{ measure.parent }}_bounded - {{ measure.name }}_bounded < {{ k }}
                then '>n-k'
            {% endif -%}
            {% if dimension -%}
            when
                cell <> 'all'
                and max(case when cell = 'all' then {{ measure.name }}_units end)
                    over (partition by {{ cube.nodes | join(', ') }})
                - {{ measure.name }}_units < {{ k }}
                then '>n-k'
            {% endif -%}
        end as {{ measure.name }}_flag{{ ',' if not loop.last }}
        {% endfor %}
    from bounded_{{ measures | length }}

),

published as (

    select
        cast({{ cube.period }} as date) as {{ cube.period }},
        {% for column in cube.nodes[1:] -%}
        cast({{ column }} as varchar) as {{ column }},
        {% endfor -%}
        {% if dimension -%}
        cast(cell as varchar) as {{ dimension.name }},
        {% endif -%}
        {% for measure in measures -%}
        cast(case when {{ measure.name }}_flag is null then {{ measure.name }}_bounded end as bigint) as {{ measure.name }},
        cast({{ measure.name }}_flag as varchar) as {{ measure.name }}_flag{{ ',' if not loop.last }}
        {% endfor %}
    from coded

)
{%- endmacro %}
