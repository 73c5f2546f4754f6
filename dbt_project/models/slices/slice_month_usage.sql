{{ config(tags=['monthly']) }}

with events_of_months as (

    select * from {{ ref('stg_web__usage_events') }}
    where
        {{ days('event_date', slice_from('month'), slice_to('month'), before=1) }}
        and {{ days('cast(occurred_at as date)', slice_from('month'), slice_to('month')) }}

),

events as (

    {{ of_complete_months('events_of_months', 'occurred_at', category='usage') }}

),

members as (

    {{ record_keys('events', 'member_token') }}

)

select
    cast(date_trunc('month', events.occurred_at) as date) as month,
    events.workspace_id,
    events.member_token as unit_token,
    members.record_key,
    events.feature,
    events.usage_event,
    events.page_url,
    events.plan
from events
left join members
    on
        events.workspace_id = members.workspace_id
        and events.member_token = members.member_token
