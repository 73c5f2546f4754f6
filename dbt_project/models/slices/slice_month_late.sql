{{ config(tags=['monthly']) }}

-- What no slice counts. A status that reached us after the month in which it happened was closed is of the
-- month it reached us in; any other is of its own month, if no message began within the horizon before it
-- whose slice was still open. So each is in one month.
with received_late as (

    select
        workspace_id,
        contact_token,
        cast(received_at as date) as late_on
    from {{ ref('int_message_events_unioned') }}
    where
        {{ days('cast(received_at as date)', slice_from('month'), slice_to('month')) }}
        and not {{ before_close('received_at', 'last_day(occurred_at)') }}

),

acts as (

    select
        workspace_id,
        message_token,
        contact_token,
        received_at,
        cast(occurred_at as date) as late_on
    from {{ ref('slice_events') }}
    where
        {{ days('cast(occurred_at as date)', slice_from('month'), slice_to('month')) }}
        and {{ before_close('received_at', 'last_day(occurred_at)') }}

),

beginnings as (

    select
        workspace_id,
        message_token,
        utc_date as begun_on
    from {{ ref('slice_outbox') }}
    union all
    select
        workspace_id,
        message_token,
        cast(occurred_at as date) as begun_on
    from {{ ref('slice_events') }}
    where is_start

),

late_in_months as (

    select
        workspace_id,
        contact_token,
        late_on
    from received_late
    union all
    select
        workspace_id,
        contact_token,
        late_on
    from acts
    where not exists (
        select 1
        from beginnings
        where
            acts.workspace_id = beginnings.workspace_id
            and acts.message_token = beginnings.message_token
            and beginnings.begun_on between acts.late_on - {{ var('lateness_days') }} and acts.late_on + 1
            and {{ before_close('acts.received_at', 'beginnings.begun_on') }}
    )

),

late as (

    {{ of_complete_months('late_in_months', 'late_on') }}

),

contacts as (

    {{ record_keys('late', 'contact_token') }}

)

select
    cast(date_trunc('month', late.late_on) as date) as month,
    late.workspace_id,
    late.contact_token as unit_token,
    contacts.record_key
from late
left join contacts
    on
        late.workspace_id = contacts.workspace_id
        and late.contact_token = contacts.contact_token
