{#-
    One anonymous table: counts of people and of their messages in the nodes of a spine.

    Every count is perturbed by its cell's key and then coded where it, or what it leaves of its parent, is
    small; nothing else of a row of the store gets out. See `pipelines/cube.py` for the declarations these
    arguments come from, and docs/analysts.md for how to read the result.

    Args:
        facts: Model of the slice; one row per thing counted, with `unit_token`, `record_key`, `workspace_id`.
        leaves: Model that places each fact in the finest node of the spine; none = the platform is the spine.
        period: Column of the slice.
        keys: Columns by which facts find their leaf, beside the period.
        path: Columns that name a node of the finest level, coarse to fine.
        levels: [{name, depth}]: which levels get rows; a node of depth d is named by the first d of ``path``.
        dimension: {name, sql, values} or none. Closed (``values``): every value is listed in every node.
            Open: values of few join `other`, which every node lists.
        measures: [{name, sql, is_units, parent}], parents first.
        minimum_units: The threshold k.
        unit: contact, member or event.

    Returns:
        A query: one row per slice, node and value of the dimension (`all` = the node's total), with each
        measure and its flag: null, `<k` (below k; zero looks the same) or `>n-k` (its complement is).
-#}
{% macro cube(facts, leaves, period, keys, path, levels, dimension, measures, minimum_units, unit) %}
{%- set nodes = [period, 'level'] + path -%}
{%- set cells = nodes + (['cell'] if dimension else []) -%}
{%- set k = minimum_units -%}
{#- Days of contacts have noise however workspaces share them. -#}
{%- set asks_dominance = period == 'month' or unit == 'member' -%}
with perturbation as (

    select
        {{ as_list('noise', order_by='contacts, cell_key') }} as noises,
        max(contacts) as last_contacts,
        max(noise) as largest_noise
    from {{ ref('perturbation') }}

),

placed as (

    select
        facts.{{ period }},
        {% for column in path -%}
        leaves.{{ column }},
        {% endfor -%}
        facts.workspace_id,
        facts.unit_token,
        facts.record_key,
        {% if dimension -%}
        coalesce({{ dimension.sql }}, 'unknown') as cell,
        {% endif -%}
        {% for measure in measures -%}
        {{ measure.sql }} as {{ measure.name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref(facts) }} as facts
    {% if leaves -%}
    inner join {{ ref(leaves) }} as leaves
        on
            facts.{{ period }} = leaves.{{ period }}
            {% for key in keys -%}
            and facts.{{ key }} = leaves.{{ key }}
            {% endfor %}
    {% endif %}

),

-- What each person adds to each node. Workspaces never share a token, so a person is in one workspace.
per_unit as (

    -- Level by level: as grouping sets all of them would be in memory at once.
    {% for level in levels -%}
    {%- set named = [period] + path[:level.depth] + (['cell'] if dimension else []) + ['workspace_id', 'unit_token'] -%}
    select
        {{ node_columns(period, path, level) }},
        {{ 'cell,' if dimension }}
        workspace_id,
        unit_token,
        min(record_key) as record_key,
        {% for measure in measures -%}
        cast(sum({{ measure.name }}) as integer) as {{ measure.name }}{{ ',' if not loop.last }}
        {% endfor %}
    from placed
    group by {{ named | join(', ') }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

{% if dimension and not dimension['values'] -%}
counted as (

    select * from per_unit
    where {% for measure in measures %}{{ measure.name }} > 0{{ ' or ' if not loop.last }}{% endfor %}

),

people as (

    select
        {% for column in nodes %}{{ column }}, {% endfor %}
        cell,
        count(unit_token) as units,
        cast(mod(sum(record_key), 256) as integer) as cell_key
    from counted
    group by {{ (nodes + ['cell']) | join(', ') }}

),

-- A value stands alone if there are enough people even without its noise; drawn with it, so that one person
-- more or less does not decide. All others are `other`, which is always there, however few they are.
placements as (

    select
        {% for column in nodes %}people.{{ column }}, {% endfor %}
        people.cell,
        people.units + {{ element_of(
            'perturbation.noises',
            'least(people.units, perturbation.last_contacts) * 256 + people.cell_key + 1',
        ) }} >= {{ k }} + perturbation.largest_noise as stands_alone
    from people
    cross join perturbation

),

{% endif -%}
{% if dimension -%}
split as (

    select
        {% for column in nodes %}per_unit.{{ column }}, {% endfor %}
        {% if dimension['values'] -%}
        per_unit.cell,
        {% else -%}
        case when placements.stands_alone then per_unit.cell else 'other' end as cell,
        {% endif -%}
        per_unit.workspace_id,
        per_unit.unit_token,
        per_unit.record_key,
        {% for measure in measures %}per_unit.{{ measure.name }}{{ ', ' if not loop.last }}{% endfor %}
    from per_unit
    {% if not dimension['values'] -%}
    inner join placements
        on
            per_unit.cell = placements.cell
            {% for column in nodes -%}
            and per_unit.{{ column }} = placements.{{ column }}
            {% endfor %}
    {% endif %}
    union all
    select
        {% for column in nodes %}{{ column }}, {% endfor %}
        'all' as cell,
        workspace_id,
        unit_token,
        record_key,
        {% for measure in measures %}{{ measure.name }}{{ ', ' if not loop.last }}{% endfor %}
    from per_unit

),

units as (

    select
        {% for column in cells %}{{ column }}, {% endfor %}
        workspace_id,
        unit_token,
        min(record_key) as record_key,
        {% for measure in measures -%}
        cast(sum({{ measure.name }}) as integer) as {{ measure.name }}{{ ',' if not loop.last }}
        {% endfor %}
    from split
    group by {{ (cells + ['workspace_id', 'unit_token']) | join(', ') }}

),

{% else -%}
units as (

    select * from per_unit

),

{% endif -%}
{% if asks_dominance -%}
by_workspace as (

    select
        {% for column in cells %}{{ column }}, {% endfor %}
        count(unit_token) as units
    from units
    where level = 'platform'
    group by {{ cells | join(', ') }}, workspace_id

),

-- Where too few workspaces take part, or one has more than half, a figure of all is one of few.
dominance as (

    select
        {% for column in cells %}{{ column }}, {% endfor %}
        count(*) < {{ var('minimum_workspaces') }} or max(units) * 2 > sum(units) as is_dominated
    from by_workspace
    group by {{ cells | join(', ') }}

),

{% endif -%}
counts as (

    select
        {% for column in cells %}{{ column }}, {% endfor %}
        {% for measure in measures -%}
        count(case when {{ measure.name }} > 0 then unit_token end) as {{ measure.name }}_units,
        cast(mod(sum(case when {{ measure.name }} > 0 then record_key else 0 end), 16777216) as integer)
            as {{ measure.name }}_cell_key,
        {% if measure.parent and not measure.is_units -%}
        count(case when {{ measure.parent }} > {{ measure.name }} then unit_token end) as {{ measure.name }}_left_units,
        cast(mod(sum(case when {{ measure.parent }} > {{ measure.name }} then record_key else 0 end), 16777216) as integer)
            as {{ measure.name }}_left_cell_key,
        {% endif -%}
        {% if measure.is_units -%}
        1 as {{ measure.name }}_bound,
        0 as {{ measure.name }}_excess,
        count(case when {{ measure.name }} > 0 then unit_token end) as {{ measure.name }}{{ ',' if not loop.last }}
        {% else -%}
        {%- set adds = 'case when unit_token is not null then ' ~ measure.name ~ ' else 0 end' -%}
        {{ least_of_largest(adds, var('bounding_rank')) }} as {{ measure.name }}_bound,
        {{ excess_of_largest(adds, var('bounding_rank')) }} as {{ measure.name }}_excess,
        sum({{ measure.name }}) as {{ measure.name }}{{ ',' if not loop.last }}
        {% endif -%}
        {% endfor %}
    from units
    group by {{ cells | join(', ') }}

),

-- Every node is listed, whether or not anything was counted there: a missing row would say so.
nodes as (

    {% if leaves -%}
    {% for level in levels -%}
    select distinct {{ node_columns(period, path, level) }} from {{ ref(leaves) }}
    {{ 'union all' if not loop.last }}
    {% endfor -%}
    {%- else -%}
    select distinct {{ nodes | join(', ') }} from per_unit
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
        {% for value in ['all'] + (dimension['values'] or ['other']) -%}
        ('{{ value }}'){{ ', ' if not loop.last }}
        {%- endfor %}
    ) as listed (cell)
    {% if not dimension['values'] -%}
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
        {% for column in cells %}grid.{{ column }}, {% endfor %}
        {% for measure in measures -%}
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
        {{ 'dominance.is_dominated' if asks_dominance else 'true as is_dominated' }}
    from grid
    left join counts
        on
            {% for column in cells -%}
            {{ 'and ' if not loop.first }}grid.{{ column }} = counts.{{ column }}
            {% endfor %}
    {% if asks_dominance -%}
    left join dominance
        on
            {% for column in cells -%}
            {{ 'and ' if not loop.first }}grid.{{ column }} = dominance.{{ column }}
            {% endfor %}
    {%- endif %}

),

-- The same people in a cell always get the same noise, so that asking again teaches nothing. Nobody adds more to
-- a sum than the third most active: one person with hundreds of messages would be seen. The noise is scaled by
-- that bound, so that it hides everybody, and spread evenly between its steps: multiples of 2 alone would show
-- who adds 1. Last of all joins: the list of all noises is long.
perturbed as (

    select
        {% for column in cells %}matched.{{ column }}, {% endfor %}
        {{ 'coalesce(matched.is_dominated, true)' if unit == 'member' else 'false' }} as is_hidden,
        {% for measure in measures -%}
        {% if measure.parent and not measure.is_units -%}
        coalesce(matched.{{ measure.name }}_left_units, 0)
        + {{ noise_of(measure.name ~ '_left', period, dimension) }} as {{ measure.name }}_left_units_drawn,
        {% endif -%}
        coalesce(matched.{{ measure.name }}_units, 0)
        + {{ noise_of(measure.name, period, dimension) }} as {{ measure.name }}_units_drawn,
        coalesce(matched.{{ measure.name }}, 0)
        + {{ scaled_noise_of(measure.name, period, dimension) }} as {{ measure.name }}_drawn{{ ',' if not loop.last }}
        {% endfor %}
    from matched
    cross join perturbation

),

{# A part is never larger than its whole, nor are people more than their messages, also after noise. -#}
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
                    over (partition by {{ nodes | join(', ') }})
                - {{ measure.name }}_units < {{ k }}
                then '>n-k'
            {% endif -%}
        end as {{ measure.name }}_flag{{ ',' if not loop.last }}
        {% endfor %}
    from bounded_{{ measures | length }}

)

select
    cast({{ period }} as date) as {{ period }},
    {% for column in nodes[1:] -%}
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
{% endmacro %}


{#- Columns that name a node of a level: what the level does not split reads `all`. -#}
{% macro node_columns(period, path, level) -%}
{{ period }},
        '{{ level.name }}' as level
        {%- for column in path -%}
        ,
        {{ column if loop.index <= level.depth else "'all'" }} as {{ column }}
        {%- endfor -%}
{%- endmacro %}


{#- The noise of a measure's people in a cell; none in the totals of a month over many workspaces. -#}
{% macro noise_of(measure, period, dimension) -%}
    {{ unless_exact(noise_at(measure), period, dimension) }}
{%- endmacro %}


{#- The same of what these people add, which may be more than one each: bounded, and as many times as wide. -#}
{% macro scaled_noise_of(measure, period, dimension) -%}
    {%- set spread = 'floor(coalesce(matched.' ~ measure ~ '_cell_key, 0) / 256.0) / 65536.0 - 0.5' -%}
    {%- set scaled = 'cast(floor(coalesce(matched.' ~ measure ~ '_bound, 0) * (' ~ noise_at(measure) ~ ' + ' ~ spread ~ ') + 0.5) as bigint)' -%}
    {{ unless_exact(scaled ~ ' - coalesce(matched.' ~ measure ~ '_excess, 0)', period, dimension) }}
{%- endmacro %}


{% macro unless_exact(noise, period, dimension) -%}
    {%- if period == 'month' -%}
    case
            when
                matched.level = 'platform' {{ "and matched.cell = 'all'" if dimension }}
                and matched.is_dominated = false
                then 0
            else {{ noise }}
        end
    {%- else -%}
    {{ noise }}
    {%- endif -%}
{%- endmacro %}


{% macro noise_at(measure) -%}
    coalesce(
            {{ element_of(
                'perturbation.noises',
                'least(matched.' ~ measure ~ '_units, perturbation.last_contacts) * 256 + mod(matched.' ~ measure ~ '_cell_key, 256) + 1',
            ) }}, 0
        )
{%- endmacro %}


{#- A column's values in one list. -#}
{% macro as_list(column, order_by) -%}
    list({{ column }} order by {{ order_by }})
{%- endmacro %}


{#- One element of a list, counted from 1. -#}
{% macro element_of(list, position) -%}
    {{ list }}[{{ position }}]
{%- endmacro %}


{#- The least of the n largest values of a group. -#}
{% macro least_of_largest(value, n) -%}
    list_min(max({{ value }}, {{ n }}))
{%- endmacro %}


{#- How much the n largest values of a group exceed the least of them, together. -#}
{% macro excess_of_largest(value, n) -%}
    list_sum(max({{ value }}, {{ n }}))
            - len(max({{ value }}, {{ n }})) * list_min(max({{ value }}, {{ n }}))
{%- endmacro %}
