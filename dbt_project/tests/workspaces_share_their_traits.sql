-- No workspace stands alone by what is published of its plan, industry, country and time zone.
select 1 as alone
from {{ ref('dim_published_workspaces') }}
group by plan, industry, workspace_country, time_zone
having
    count(*) < {{ var('minimum_workspaces') }}
    and count(plan) + count(industry) + count(workspace_country) + count(time_zone) > 0
