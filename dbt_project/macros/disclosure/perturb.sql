{#-
    Add noise to every count of every cell.

    The same people in a cell always get the same noise, so that asking again teaches nothing. Nobody adds more
    to a sum than the third most active: one person with hundreds of messages would be seen. The noise is scaled
    by that bound, so that it hides everybody, and spread evenly between its steps: multiples of 2 alone would
    show who adds 1.

    Reads `matched` (see `list_cells`) and `perturbation`. Makes:
        perturbed: One row per cell, with `is_hidden` (it tells nothing at all) and the counts of `matched` with
            noise: names end in `_drawn`.
-#}
{% macro perturb_counts(cube) -%}
-- Last of all joins: the list of all noises is long.
perturbed as (

    select
        matched.{{ cube.cells | join(', matched.') }},
        {{ 'coalesce(matched.is_dominated, true)' if cube.unit == 'member' else 'false' }} as is_hidden,
        {% for measure in cube.measures -%}
        {% if measure.parent and not measure.is_units -%}
        {{ drawn(cube, measure.name ~ '_left_units', noise_at(measure.name ~ '_left')) }},
        {% endif -%}
        {{ drawn(cube, measure.name ~ '_units', noise_at(measure.name)) }},
        {{ drawn(cube, measure.name, scaled_noise_at(measure.name)) }}{{ ',' if not loop.last }}
        {% endfor %}
    from matched
    cross join perturbation

),
{%- endmacro %}


{#- A count of a cell with its noise; with none in the totals of a month that many workspaces share. -#}
{% macro drawn(cube, column, noise) -%}
        coalesce(matched.{{ column }}, 0)
        + {% if cube.period == 'month' -%}
        case
            when
                matched.level = 'platform' {{ "and matched.cell = 'all'" if cube.dimension }}
                and matched.is_dominated = false
                then 0
            else {{ noise }}
        end
        {%- else -%}
        {{ noise }}
        {%- endif %} as {{ column }}_drawn
{%- endmacro %}


{#- The noise of the people who add to a measure; 0 where there is nobody. -#}
{% macro noise_at(measure) -%}
    coalesce(
            {{ noise_of('matched.' ~ measure ~ '_units', 'mod(matched.' ~ measure ~ '_cell_key, 256)') }}, 0
        )
{%- endmacro %}


{#- The same of what they add, which may be more than one each: bounded, and as many times as wide. -#}
{% macro scaled_noise_at(measure) -%}
    {%- set spread = 'floor(coalesce(matched.' ~ measure ~ '_cell_key, 0) / 256.0) / 65536.0 - 0.5' -%}
    cast(
            floor(coalesce(matched.{{ measure }}_bound, 0) * ({{ noise_at(measure) }} + {{ spread }}) + 0.5) as bigint
        ) - coalesce(matched.{{ measure }}_excess, 0)
{%- endmacro %}


{#- The perturbation table as one row, which every cell can be joined to. -#}
{% macro noises() -%}
    select
        list(noise order by contacts, cell_key) as noises,
        max(contacts) as last_contacts,
        max(noise) as largest_noise
    from {{ ref('perturbation') }}
{%- endmacro %}


{#- The noise that this table has for so many people whose keys add up to so much, modulo 256. -#}
{% macro noise_of(units, cell_key) -%}
    perturbation.noises[least({{ units }}, perturbation.last_contacts) * 256 + {{ cell_key }} + 1]
{%- endmacro %}
