with source as (

    select * from {{ source('store', 'whatsapp__messages') }}

)

select
    workspace_id,
    event_id,
    received_at,
    message_token,
    message_type,
    occurred_at,
    contact_token,
    contact_country,
    contact_user_token,
    replied_to_message_token,
    reacted_to_message_token,
    new_contact_token,
    new_contact_user_token,
    previous_contact_user_token,
    system_type,
    is_forwarded,
    is_frequently_forwarded,
    body_length,
    body_segments,
    body_language,
    body_has_link,
    body_is_opt_out,
    button_text_is_opt_out,
    button_payload_is_opt_out,
    reply_title_is_opt_out,
    reply_id_is_opt_out,
    choice_title_is_opt_out,
    choice_id_is_opt_out,
    error_code,
    event_date,
    retention_days
from source
