-- Numbers of workspaces, no people: written by hand, not rounded.
{{ config(**slices('month')) }}

with messages as (

    select
        cast(date_trunc('month', send_date) as date) as month,
        workspace_id
    from {{ ref('slice_facts') }}
    where {{ days('send_date', slice_from('month'), slice_to('month')) }}
    group by all

),

complete as (

    select
        month,
        workspace_id
    from {{ ref('slice_month_messages') }}
    group by month, workspace_id

)

select
    messages.month,
    count(complete.workspace_id) as workspaces_counted,
    count(*) as workspaces_total
from messages
left join complete
    on
        messages.month = complete.month
        and messages.workspace_id = complete.workspace_id
group by messages.month
