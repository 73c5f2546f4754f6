-- Traits are generalized: together they are shared by enough workspaces, or empty. A country of one workspace
-- would name it.
{%- set traits = ['plan', 'industry', 'workspace_country', 'time_zone'] %}
with published as (

    select workspace_key
    from {{ ref('cube_campaign_daily') }}
    where level = 'workspace'
    union
    select workspace_key
    from {{ ref('cube_workspace_monthly') }}
    where level = 'workspace'

),

workspaces as (

    select
        *,
        {{ workspace_key() }} as workspace_key
    from {{ ref('dim_workspaces') }}

),

shown_0 as (

    select
        workspaces.workspace_key,
        workspaces.workspace_name,
        workspaces.is_in_benchmarks,
        workspaces.{{ traits | join(',\n        workspaces.') }}
    from workspaces
    inner join published
        on workspaces.workspace_key = published.workspace_key

),

{% for trait in traits -%}
{%- set above = traits[:loop.index0] | join(', ') or '1' -%}
counted_{{ loop.index }} as (

    select
        *,
        count(*) over (partition by {{ above }}, {{ trait }}) >= {{ var('minimum_workspaces') }} as is_shared
    from shown_{{ loop.index0 }}

),

-- The rest, whose value is not shown, must not stand alone either.
rest_{{ loop.index }} as (

    select
        *,
        count(case when not is_shared then 1 end) over (partition by {{ above }}) as alone
    from counted_{{ loop.index }}

),

shown_{{ loop.index }} as (

    select
        * exclude ({{ trait }}, is_shared, alone),
        case when is_shared and (alone = 0 or alone >= {{ var('minimum_workspaces') }}) then {{ trait }} end
            as {{ trait }}
    from rest_{{ loop.index }}

){{ ',' if not loop.last }}

{% endfor -%}
select
    cast(workspace_key as varchar) as workspace_key,
    cast(workspace_name as varchar) as workspace_name,
    cast(workspace_country as varchar) as workspace_country,
    cast(time_zone as varchar) as time_zone,
    cast(industry as varchar) as industry,
    cast(plan as varchar) as plan,
    cast(is_in_benchmarks as boolean) as is_in_benchmarks
from shown_{{ traits | length }}
