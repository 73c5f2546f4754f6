with source as (

    select * from {{ source('store', 'twilio__messages') }}

)

select
    workspace_id,
    event_id,
    received_at,
    message_token,
    direction,
    channel,
    recipient_token,
    writer_token,
    recipient_country,
    writer_country,
    status,
    occurred_at,
    segments,
    price,
    price_currency,
    error_code,
    body_length,
    body_segments,
    body_language,
    body_has_link,
    body_is_opt_out,
    event_date,
    retention_days
from source
