with outbox as (

    {{ of_one_contact(ref('stg_app__messages')) | indent(4) }}

)

select
    workspace_id,
    event_id,
    outbox_token,
    -- A message that no provider took has no id there; it is known by its outbox row.
    coalesce(message_token, outbox_token, event_id) as message_token,
    message_token is not null as has_provider_id,
    cast(queued_at as date) as utc_date,
    queued_at,
    campaign_id,
    template_id,
    contact_token,
    contact_country,
    channel,
    provider,
    message_category,
    outcome,
    case when outcome = 'skipped' then coalesce(skip_reason, 'unspecified') end as skip_reason,
    case when outcome = 'rejected' then cast(error_code as varchar) end as error_code,
    case when channel = 'sms' then body_segments end as segments,
    price as price_amount,
    price_currency,
    -- Whose ids are unique within an operator only.
    case when provider = 'smpp' then sender_token end as operator_token,
    received_at,
    event_date
from outbox
