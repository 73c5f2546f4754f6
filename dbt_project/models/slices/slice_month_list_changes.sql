{{ config(tags=['monthly']) }}

with dated_changes as (

    select
        changes.*,
        {{ local_date('changes.changed_at', 'workspaces.time_zone') }} as local_date
    from {{ ref('int_list_changes') }} as changes
    left join {{ ref('dim_workspaces') }} as workspaces
        on changes.workspace_id = workspaces.workspace_id
    where
        {{ days('changes.event_date', slice_from('month'), slice_to('month'), before=2, after=1) }}
        and changes.contact_token is not null

),

changes_of_months as (

    select * from dated_changes
    where {{ days('local_date', slice_from('month'), slice_to('month')) }}

),

changes as (

    {{ of_complete_months('changes_of_months', 'local_date') }}

),

people as (

    select
        cast(date_trunc('month', local_date) as date) as month,
        workspace_id,
        contact_token,
        bool_or(list_change = 'added') as is_added,
        bool_or(list_change = 'opted_out') as is_opted_out,
        bool_or(list_change = 'opted_in') as is_opted_in,
        coalesce(
            min(case when list_change = 'opted_out' then changed_at end)
            < max(case when list_change = 'opted_in' then changed_at end),
            false
        ) as is_opted_in_again,
        -- Who may be written to at the end and could not be at the beginning is gained, whatever was between.
        arg_min(list_change, (changed_at, list_change)) = 'opted_out' as was_on_list,
        arg_max(list_change, (changed_at, list_change)) <> 'opted_out' as is_on_list
    from changes
    group by date_trunc('month', local_date), workspace_id, contact_token

),

contacts as (

    {{ record_keys('people', 'contact_token') }}

)

select
    people.month,
    people.workspace_id,
    people.contact_token as unit_token,
    contacts.record_key,
    people.is_added,
    people.is_opted_out,
    people.is_opted_in,
    people.is_opted_in_again,
    not people.was_on_list and people.is_on_list as is_gained,
    people.was_on_list and not people.is_on_list as is_lost
from people
left join contacts
    on
        people.workspace_id = contacts.workspace_id
        and people.contact_token = contacts.contact_token
