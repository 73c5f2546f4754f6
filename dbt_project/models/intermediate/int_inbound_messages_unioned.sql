with whatsapp as (

    select
        workspace_id,
        event_id,
        message_token,
        coalesce(contact_token, contact_user_token) as contact_token,
        contact_country,
        'whatsapp' as channel,
        'whatsapp' as provider,
        message_type,
        occurred_at,
        coalesce(replied_to_message_token, reacted_to_message_token) as referred_message_token,
        body_length,
        body_language,
        coalesce(body_has_link, false) as has_link,
        coalesce(body_is_opt_out, false)
        or coalesce(button_text_is_opt_out, false)
        or coalesce(button_payload_is_opt_out, false)
        or coalesce(reply_title_is_opt_out, false)
        or coalesce(reply_id_is_opt_out, false)
        or coalesce(choice_title_is_opt_out, false)
        or coalesce(choice_id_is_opt_out, false) as is_opt_out,
        event_date
    from {{ ref('stg_whatsapp__messages') }}
    -- A notice about the contact is nothing the contact wrote; an edit or deletion is no further message.
    where message_type not in ('system', 'edit', 'revoke')

),

twilio_received as (

    select
        workspace_id,
        event_id,
        message_token,
        contact_token,
        contact_country,
        channel,
        message_type,
        received_at as occurred_at,
        replied_to_message_token as referred_message_token,
        body_length,
        body_language,
        body_has_link,
        body_is_opt_out
        or button_text_is_opt_out
        or button_payload_is_opt_out
        or opt_out_type = 'STOP' as is_opt_out,
        event_date
    from {{ ref('stg_twilio__inbound') }}
    union all
    select
        workspace_id,
        event_id,
        message_token,
        writer_token as contact_token,
        writer_country as contact_country,
        channel,
        cast(null as varchar) as message_type,
        occurred_at,
        cast(null as varchar) as referred_message_token,
        body_length,
        body_language,
        body_has_link,
        body_is_opt_out as is_opt_out,
        event_date
    from {{ ref('stg_twilio__messages') }}
    where direction = 'inbound'

),

twilio as (

    -- One message may come by webhook and in several exports, before and after its price is known.
    select
        workspace_id,
        min(event_id) as event_id,
        message_token,
        min(contact_token) as contact_token,
        min(contact_country) as contact_country,
        case when bool_or(channel = 'whatsapp') then 'whatsapp' else 'sms' end as channel,
        'twilio' as provider,
        coalesce(min(message_type), 'text') as message_type,
        min(occurred_at) as occurred_at,
        min(referred_message_token) as referred_message_token,
        min(body_length) as body_length,
        min(body_language) as body_language,
        coalesce(bool_or(body_has_link), false) as has_link,
        coalesce(bool_or(is_opt_out), false) as is_opt_out,
        event_date
    from twilio_received
    group by workspace_id, message_token, event_date

),

unioned as (

    select * from whatsapp
    union all
    select * from twilio

)

{{ of_one_contact('unioned') }}
