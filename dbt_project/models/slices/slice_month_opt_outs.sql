{{ config(tags=['monthly']) }}

with opt_outs_of_months as (

    select * from {{ ref('slice_opt_outs') }}
    where {{ days('cast(occurred_at as date)', slice_from('month'), slice_to('month')) }}

),

opt_outs as (

    {{ of_complete_months('opt_outs_of_months', 'occurred_at') }}

),

contacts as (

    {{ record_keys('opt_outs', 'contact_token') }}

)

select
    cast(date_trunc('month', opt_outs.occurred_at) as date) as month,
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
