with written as (

    select
        workspace_id,
        event_id,
        contact_token,
        channel,
        'message' as opt_out_source,
        occurred_at,
        event_date
    from {{ ref('int_inbound_messages_unioned') }}
    where is_opt_out

),

preferences as (

    select
        workspace_id,
        event_id,
        coalesce(contact_token, contact_user_token) as contact_token,
        'whatsapp' as channel,
        'preference' as opt_out_source,
        occurred_at,
        event_date
    from {{ ref('stg_whatsapp__preferences') }}
    where preference = 'stop'

),

unioned as (

    select * from written
    union all
    select * from preferences

)

{{ of_one_contact('unioned', has_country=false) }}
