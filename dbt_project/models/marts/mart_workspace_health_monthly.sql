with cells as (

    select * from {{ ref('cube_workspace_monthly') }}
    where level = 'workspace'

),

workspaces as (

    select * from {{ ref('dim_published_workspaces') }}

),

compared as (

    select
        *,
        lag(attempted_messages) over (partition by workspace_key order by month) as attempted_messages_before,
        lag(month) over (partition by workspace_key order by month) as month_before
    from cells

)

select
    compared.month,
    compared.workspace_key,
    {{ workspace_label('compared.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    workspaces.plan,
    compared.reached_contacts,
    compared.attempted_messages,
    case
        when compared.month_before = compared.month - interval '1' month
            then
                cast(compared.attempted_messages as double)
                / nullif(compared.attempted_messages_before, 0) - 1
    end as attempted_change,
    cast(compared.attempted_messages as double) / nullif(compared.reached_contacts, 0) as contact_frequency,
    {{ rate('compared.delivered_messages', 'compared.attempted_messages') }} as delivery_rate,
    {{ rate('compared.failed_messages', 'compared.attempted_messages') }} as failure_rate,
    {{ rate('compared.opted_out_messages', 'compared.delivered_messages') }} as opt_out_rate
from compared
left join workspaces
    on compared.workspace_key = workspaces.workspace_key
