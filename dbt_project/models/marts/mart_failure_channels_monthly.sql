with cells as (

    select
        month,
        workspace_key,
        split_part(failure_channel, ' ', 1) as error_class,
        coalesce(nullif(split_part(failure_channel, ' ', 2), ''), 'other') as channel,
        failed_messages
    from {{ ref('cube_failure_channels_monthly') }}
    -- Messages that did not fail are in neither.
    where failure_channel <> 'unknown'

),

-- What failed is a part of what was attempted of the same channel.
attempted as (

    select
        cast(date_trunc('month', send_date) as date) as month,
        workspace_key,
        channel,
        cast(sum(attempted_messages) as bigint) as attempted_messages
    from {{ ref('cube_campaign_daily') }}
    where level = 'channel'
    group by date_trunc('month', send_date), workspace_key, channel

),

workspaces as (

    select * from {{ ref('dim_published_workspaces') }}

)

select
    cells.month,
    cells.workspace_key,
    {{ label('workspace', 'cells.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    cells.error_class,
    cells.channel,
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
        and cells.channel = attempted.channel
left join workspaces
    on cells.workspace_key = workspaces.workspace_key
