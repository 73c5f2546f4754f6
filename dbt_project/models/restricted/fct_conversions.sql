with attributions as (

    {{ last_clicks(stored_sources(), ref('int_conversions')) | indent(4) }}

),

messages as (

    select * from {{ ref('fct_messages') }}
    where is_attempted

)

select
    attributions.workspace_id,
    attributions.event_id,
    attributions.contact_token,
    attributions.conversion_kind,
    attributions.amount,
    attributions.currency,
    attributions.converted_at,
    attributions.clicked_at,
    messages.message_token,
    messages.send_date,
    messages.campaign_id,
    messages.template_id,
    messages.channel,
    messages.message_category
from attributions
inner join messages
    on
        {{ is_conversion_of('messages', 'attributions') }}
