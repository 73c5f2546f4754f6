with cells as (

    select
        month,
        workspace_key,
        split_part(failure_country, ' ', 1) as error_class,
        coalesce(nullif(split_part(failure_country, ' ', 2), ''), 'other') as contact_country,
        failed_messages
    from {{ ref('cube_failure_countries_monthly') }}
    -- Messages that did not fail are in neither.
    where failure_country <> 'unknown'

),

-- What failed is a part of what was attempted of the same country.
attempted as (

    select
        month,
        workspace_key,
        contact_country,
        attempted_messages
    from {{ ref('cube_countries_monthly') }}

),

workspaces as (

    select * from {{ ref('dim_published_workspaces') }}

)

select
    cells.month,
    cells.workspace_key,
    {{ label('workspace', 'cells.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    cells.error_class,
    cells.contact_country,
    cells.failed_messages,
    case when cells.error_class <> 'other' then attempted.attempted_messages end as attempted_messages,
    case
        when cells.error_class <> 'other'
            then {{ rate('cells.failed_messages', 'attempted.attempted_messages') }}
    end as failure_rate
from cells
left join attempted
    on
        cells.month = attempted.month
        and cells.workspace_key = attempted.workspace_key
        and cells.contact_country = attempted.contact_country
left join workspaces
    on cells.workspace_key = workspaces.workspace_key
