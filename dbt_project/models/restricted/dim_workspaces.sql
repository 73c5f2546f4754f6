with workspaces as (

    select * from {{ ref('stg_app__workspaces') }}

),

numbered_settings as (

    select
        workspace_id,
        message_log_retention_days,
        is_in_benchmarks,
        row_number() over (partition by workspace_id order by valid_from desc) as setting_rank
    from {{ ref('stg_app__workspace_settings') }}

),

settings as (

    select * from numbered_settings
    where setting_rank = 1

)

select
    workspaces.workspace_id,
    workspaces.workspace_name,
    workspaces.country as workspace_country,
    -- `try` catches no zone that is unknown to DuckDB.
    case
        when workspaces.time_zone in (select name from pg_timezone_names()) then workspaces.time_zone
    end as time_zone,
    workspaces.industry,
    workspaces.plan,
    settings.message_log_retention_days,
    coalesce(settings.is_in_benchmarks, false) as is_in_benchmarks,
    workspaces.created_at
from workspaces
left join settings
    on workspaces.workspace_id = settings.workspace_id
