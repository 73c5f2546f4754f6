with contacts as (

    select
        workspace_id,
        contact_token,
        min(created_at) as changed_at
    from {{ ref('dim_contacts') }}
    where contact_token is not null
    group by workspace_id, contact_token

),

preferences as (

    {{ of_one_contact(ref('stg_whatsapp__preferences'), has_user_token=true) | indent(4) }}

)

select
    workspace_id,
    contact_token,
    'added' as list_change,
    changed_at,
    cast(changed_at as date) as event_date
from contacts
union all
select
    workspace_id,
    contact_token,
    'opted_out' as list_change,
    occurred_at as changed_at,
    event_date
from {{ ref('int_opt_outs_unioned') }}
union all
select
    workspace_id,
    contact_token,
    'opted_in' as list_change,
    occurred_at as changed_at,
    event_date
from preferences
where preference in ('resume', 'signup')
