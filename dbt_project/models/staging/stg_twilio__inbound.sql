with source as (

    select * from {{ source('store', 'twilio__inbound') }}

)

select
    workspace_id,
    event_id,
    received_at,
    message_token,
    channel,
    contact_token,
    contact_country,
    message_type,
    replied_to_message_token,
    opt_out_type,
    body_length,
    body_language,
    body_has_link,
    body_is_opt_out,
    button_text_is_opt_out,
    button_payload_is_opt_out,
    event_date,
    retention_days
from source
