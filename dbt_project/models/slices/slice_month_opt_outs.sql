{{ config(tags=['monthly']) }}

with dated_opt_outs as (

    select
        opt_outs.*,
        {{ local_date('opt_outs.occurred_at', 'workspaces.time_zone') }} as local_date
    from {{ ref('slice_opt_outs') }} as opt_outs
    left join {{ ref('dim_workspaces') }} as workspaces
        on opt_outs.workspace_id = workspaces.workspace_id

),

opt_outs_of_months as (

    select * from dated_opt_outs
    where {{ days('local_date', slice_from('month'), slice_to('month')) }}

),

opt_outs as (

    {{ of_complete_months('opt_outs_of_months', 'local_date') }}

),

contacts as (

    {{ record_keys('opt_outs', 'contact_token') }}

)

select
    cast(date_trunc('month', opt_outs.local_date) as date) as month,
    opt_outs.workspace_id,
    opt_outs.contact_token as unit_token,
    contacts.record_key,
    opt_outs.channel,
    opt_outs.opt_out_source
from opt_outs
left join contacts
    on
        opt_outs.workspace_id = contacts.workspace_id
        and opt_outs.contact_token = contacts.contact_token
