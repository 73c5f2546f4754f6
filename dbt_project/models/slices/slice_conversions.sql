with messages as (

    select * from {{ ref('slice_messages') }}
    where is_attempted

),

attributions as (

    select * from {{ ref('slice_attributions') }}

)

select
    messages.send_date,
    messages.workspace_id,
    messages.campaign_ref,
    messages.unit_token,
    messages.record_key,
    attributions.amount,
    attributions.currency
from messages
inner join attributions
    on
        {{ is_conversion_of('messages', 'attributions') }}
