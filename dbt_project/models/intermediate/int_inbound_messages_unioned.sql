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

twilio as (

    -- One message may be exported several times, before and after its price is known.
    select
        workspace_id,
        min(event_id) as event_id,
        message_token,
        writer_token as contact_token,
        writer_country as contact_country,
        'sms' as channel,
        'twilio' as provider,
        'text' as message_type,
        occurred_at,
        cast(null as varchar) as referred_message_token,
        body_length,
        body_language,
        coalesce(body_has_link, false) as has_link,
        coalesce(body_is_opt_out, false) as is_opt_out,
        event_date
    from {{ ref('stg_twilio__messages') }}
    where direction = 'inbound'
    group by
        workspace_id,
        message_token,
        writer_token,
        writer_country,
        occurred_at,
        body_length,
        body_language,
        body_has_link,
        body_is_opt_out,
        event_date

)

select * from whatsapp
union all
select * from twilio
