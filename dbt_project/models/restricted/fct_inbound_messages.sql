select
    workspace_id,
    event_id,
    message_token,
    contact_token,
    contact_country,
    channel,
    provider,
    message_type,
    occurred_at,
    cast(occurred_at as date) as received_date,
    referred_message_token,
    body_length,
    body_language,
    has_link,
    is_opt_out
from {{ ref('int_inbound_messages_unioned') }}
