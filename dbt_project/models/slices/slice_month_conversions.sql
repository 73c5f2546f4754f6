{{ config(tags=['monthly']) }}

with messages_of_months as (

    select * from {{ ref('slice_facts') }}
    where
        {{ days('send_date', slice_from('month'), slice_to('month')) }}
        and is_attempted

),

messages as (

    {{ of_complete_months('messages_of_months', 'send_date') }}

),

attributions as (

    select * from {{ ref('slice_attributions') }}

),

converted as (

    select
        messages.send_date,
        messages.workspace_id,
        messages.contact_token,
        attributions.amount,
        attributions.currency
    from messages
    inner join attributions
        on
            {{ is_conversion_of('messages', 'attributions') }}

),

contacts as (

    {{ record_keys('converted', 'contact_token') }}

)

select
    cast(date_trunc('month', converted.send_date) as date) as month,
    converted.workspace_id,
    converted.contact_token as unit_token,
    contacts.record_key,
    converted.amount,
    converted.currency
from converted
left join contacts
    on
        converted.workspace_id = contacts.workspace_id
        and converted.contact_token = contacts.contact_token
