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

)

select
    cast(workspaces.workspace_key as varchar) as workspace_key,
    cast(workspaces.workspace_name as varchar) as workspace_name,
    cast(workspaces.workspace_country as varchar) as workspace_country,
    cast(workspaces.time_zone as varchar) as time_zone,
    cast(workspaces.industry as varchar) as industry,
    cast(workspaces.plan as varchar) as plan,
    cast(workspaces.is_in_benchmarks as boolean) as is_in_benchmarks
from workspaces
inner join published
    on workspaces.workspace_key = published.workspace_key
