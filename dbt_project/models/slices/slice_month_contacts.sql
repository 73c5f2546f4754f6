{{ config(tags=['monthly']) }}

with contacts as (

    select
        month,
        workspace_id,
        unit_token,
        min(record_key) as record_key,
        sum(case when is_attempted then 1 else 0 end) as attempted_messages,
        sum(case when is_read then 1 else 0 end) as read_messages,
        sum(case when is_replied_72h then 1 else 0 end) as replied_messages,
        sum(case when is_opted_out then 1 else 0 end) as opted_out_messages
    from {{ ref('slice_month_messages') }}
    where unit_token is not null
    group by month, workspace_id, unit_token

)

select
    *,
    case
        when attempted_messages >= 17 then '17+'
        when attempted_messages >= 9 then '9-16'
        when attempted_messages >= 5 then '5-8'
        when attempted_messages >= 3 then '3-4'
        else cast(attempted_messages as varchar)
    end as messages_bin
from contacts
where attempted_messages > 0
