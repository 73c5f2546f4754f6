with source as (

    select * from {{ source('store', 'app__messages') }}

)

select
    event_id,
    received_at,
    workspace_id,
    outbox_token,
    message_token,
    campaign_id,
    template_id,
    channel,
    provider,
    sender_token,
    contact_token,
    contact_country,
    message_category,
    outcome,
    skip_reason,
    error_code,
    body_length,
    body_segments,
    body_has_link,
    price,
    price_currency,
    queued_at,
    event_date,
    retention_days
from source
