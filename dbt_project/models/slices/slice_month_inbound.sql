{{ config(tags=['monthly']) }}

with inbound_with_those_before as (

    select
        workspace_id,
        contact_token,
        message_type,
        occurred_at,
        {{ is_first_in_24h() }} as is_first_in_24h
    from {{ ref('slice_inbound') }}

),

dated_inbound as (

    select
        inbound.*,
        {{ local_date('inbound.occurred_at', 'workspaces.time_zone') }} as local_date
    from inbound_with_those_before as inbound
    left join {{ ref('dim_workspaces') }} as workspaces
        on inbound.workspace_id = workspaces.workspace_id

),

inbound_of_months as (

    select * from dated_inbound
    where {{ days('local_date', slice_from('month'), slice_to('month')) }}

),

inbound as (

    {{ of_complete_months('inbound_of_months', 'local_date') }}

),

contacts as (

    {{ record_keys('inbound', 'contact_token') }}

)

select
    cast(date_trunc('month', inbound.local_date) as date) as month,
    inbound.workspace_id,
    inbound.contact_token as unit_token,
    contacts.record_key,
    inbound.occurred_at,
    inbound.message_type,
    inbound.is_first_in_24h
from inbound
left join contacts
    on
        inbound.workspace_id = contacts.workspace_id
        and inbound.contact_token = contacts.contact_token
