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

preferred as (

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

preferences as (

    {{ of_one_contact('preferred', has_country=false) | indent(4) }}

)

select * from written
union all
select * from preferences
