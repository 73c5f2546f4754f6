-- Coarser marts hold the same messages as the cube they are summed from.
with totals as (

    select sum(attempted_messages) as messages from {{ ref('mart_campaign_daily') }}
    union all
    select sum(attempted_messages) as messages from {{ ref('mart_campaign_funnel') }}
    union all
    select sum(attempted_messages) as messages from {{ ref('mart_workspace_daily') }}
    union all
    select sum(attempted_messages) as messages from {{ ref('mart_platform_daily') }}

)

select count(distinct messages) as differing
from totals
having count(distinct messages) > 1
