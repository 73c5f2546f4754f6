{{ config(tags=['monthly']) }}

with workspaces as (

    select * from {{ ref('dim_workspaces') }}

),

messages_of_months as (

    select * from {{ ref('slice_facts') }}
    where {{ days('send_date', slice_from('month'), slice_to('month')) }}

),

messages as (

    {{ of_complete_months('messages_of_months', 'send_date') }}

),

contact_rows as (

    select
        workspace_id,
        contact_token,
        min(language) as contact_language,
        min(created_at) as first_contact_at
    from {{ ref('dim_contacts') }}
    where contact_token is not null
    group by workspace_id, contact_token

),

contacts as (

    {{ record_keys('messages', 'contact_token') }}

)

select
    cast(date_trunc('month', messages.send_date) as date) as month,
    messages.workspace_id,
    messages.contact_token as unit_token,
    contacts.record_key,
    coalesce(messages.contact_country, 'unknown') as contact_country,
    contact_rows.contact_language,
    {{ quarter('contact_rows.first_contact_at') }} as first_contact_quarter,
    {{ hour_of_week('messages.queued_at', 'workspaces.time_zone') }} as send_hour,
    {{ hour_of_week('messages.read_at', 'workspaces.time_zone') }} as read_hour,
    {{ hour_of_week('messages.first_clicked_at', 'workspaces.time_zone') }} as click_hour,
    {{ hour_of_week('messages.first_replied_at', 'workspaces.time_zone') }} as reply_hour,
    messages.is_attempted,
    messages.is_accepted,
    messages.is_sent,
    messages.is_delivered,
    messages.is_readable,
    messages.is_read,
    messages.is_clicked,
    messages.is_replied_24h,
    messages.is_replied_72h,
    messages.is_opted_out,
    messages.is_failed,
    messages.provider,
    messages.provider_error_code,
    messages.provider_error_class,
    messages.segments,
    messages.channel,
    coalesce(messages.message_category, 'unknown') as message_category,
    messages.cost_amount,
    messages.cost_currency,
    messages.channel || ' ' || coalesce(messages.message_category, 'unknown') || ' '
    || coalesce(messages.contact_country, 'unknown') || ' ' || messages.cost_currency as tariff
from messages
left join workspaces
    on messages.workspace_id = workspaces.workspace_id
left join contact_rows
    on
        messages.workspace_id = contact_rows.workspace_id
        and messages.contact_token = contact_rows.contact_token
left join contacts
    on
        messages.workspace_id = contacts.workspace_id
        and messages.contact_token = contacts.contact_token
