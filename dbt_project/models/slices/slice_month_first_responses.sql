{{ config(tags=['monthly']) }}

with conversations as (

    select
        month,
        workspace_id,
        unit_token as contact_token,
        record_key,
        occurred_at
    from {{ ref('slice_month_inbound') }}
    where is_first_in_24h and unit_token is not null

),

answered as (

    {{ first_responses('conversations', ref('slice_outbox'), ref('slice_events')) | indent(4) }}

)

select
    month,
    workspace_id,
    contact_token as unit_token,
    record_key,
    {{ latency_bin('occurred_at', 'answered_at') }} as response_bin,
    answered_at is not null as is_answered
from answered
