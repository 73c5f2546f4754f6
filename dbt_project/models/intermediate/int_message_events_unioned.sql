-- Each source is read by one branch, or by two without sharing a CTE: DuckDB materializes a shared one, and
-- then reads every column of every source whatever is asked for.
with whatsapp_statuses as (

    select
        *,
        coalesce(pricing_category, conversation_origin) as origin
    from {{ ref('stg_whatsapp__statuses') }}

),

whatsapp as (

    select
        workspace_id,
        message_token,
        'whatsapp' as provider,
        'whatsapp' as channel,
        case
            when status in ('sent', 'delivered', 'read', 'played', 'failed') then status
            when status in ('accepted', 'pending') then 'accepted'
            else 'other'
        end as status,
        occurred_at,
        occurred_at as status_at,
        contact_token,
        contact_user_token,
        contact_country,
        case
            when origin in ('marketing', 'marketing_lite', 'group_marketing') then 'marketing'
            when origin in ('utility', 'group_utility') then 'utility'
            when origin like 'authentication%' then 'authentication'
            when origin in ('service', 'group_service', 'referral_conversion', 'user_initiated')
                then 'service'
        end as provider_category,
        case
            when starts_with(pricing_type, 'free') then false
            when pricing_type = 'regular' then true
            -- Before July 2025, and going away.
            else is_billable
        end as is_billable,
        case when status = 'failed' then cast(error_code as varchar) end as error_code,
        cast(null as bigint) as segments,
        cast(null as decimal(18, 6)) as price_amount,
        cast(null as varchar) as price_currency,
        status in ('accepted', 'pending', 'sent', 'failed') as is_start,
        cast(null as varchar) as operator_token,
        cast(null as timestamp) as submitted_at,
        received_at,
        event_date
    from whatsapp_statuses

),

whatsapp_echoes as (

    select
        workspace_id,
        message_token,
        'whatsapp' as provider,
        'whatsapp' as channel,
        'sent' as status,
        occurred_at,
        occurred_at as status_at,
        contact_token,
        contact_user_token,
        contact_country,
        cast(null as varchar) as provider_category,
        cast(null as boolean) as is_billable,
        cast(null as varchar) as error_code,
        cast(null as bigint) as segments,
        cast(null as decimal(18, 6)) as price_amount,
        cast(null as varchar) as price_currency,
        true as is_start,
        cast(null as varchar) as operator_token,
        cast(null as timestamp) as submitted_at,
        received_at,
        event_date
    from {{ ref('stg_whatsapp__echoes') }}
    -- What changes an earlier message or reacts to one is no message by itself.
    where message_type not in ('edit', 'revoke', 'reaction')

),

twilio_callbacks as (

    select
        workspace_id,
        message_token,
        'twilio' as provider,
        case when channel = 'whatsapp' then channel else 'sms' end as channel,
        {{ twilio_status('status') }} as status,
        received_at as occurred_at,
        received_at as status_at,
        contact_token,
        cast(null as varchar) as contact_user_token,
        contact_country,
        cast(null as varchar) as provider_category,
        cast(null as boolean) as is_billable,
        case
            when status in ('failed', 'undelivered', 'canceled') then cast(error_code as varchar)
        end as error_code,
        cast(null as bigint) as segments,
        cast(null as decimal(18, 6)) as price_amount,
        cast(null as varchar) as price_currency,
        status not in ('delivered', 'read') as is_start,
        cast(null as varchar) as operator_token,
        cast(null as timestamp) as submitted_at,
        received_at,
        event_date
    from {{ ref('stg_twilio__statuses') }}
    where status not in ('receiving', 'received')

),

twilio_exports as (

    select
        workspace_id,
        message_token,
        'twilio' as provider,
        case when channel = 'whatsapp' then channel else 'sms' end as channel,
        {{ twilio_status('status') }} as status,
        occurred_at,
        -- The export says when the message was sent, not when it got its last status.
        case when status in ('sent', 'partially_delivered') then occurred_at end as status_at,
        recipient_token as contact_token,
        cast(null as varchar) as contact_user_token,
        recipient_country as contact_country,
        cast(null as varchar) as provider_category,
        cast(null as boolean) as is_billable,
        case
            when status in ('failed', 'undelivered', 'canceled') then cast(error_code as varchar)
        end as error_code,
        segments,
        price as price_amount,
        upper(price_currency) as price_currency,
        true as is_start,
        cast(null as varchar) as operator_token,
        cast(null as timestamp) as submitted_at,
        received_at,
        event_date
    from {{ ref('stg_twilio__messages') }}
    where direction <> 'inbound'

),

twilio_sent as (

    select
        workspace_id,
        message_token,
        'twilio' as provider,
        case when channel = 'whatsapp' then channel else 'sms' end as channel,
        'sent' as status,
        occurred_at,
        occurred_at as status_at,
        recipient_token as contact_token,
        cast(null as varchar) as contact_user_token,
        recipient_country as contact_country,
        cast(null as varchar) as provider_category,
        cast(null as boolean) as is_billable,
        cast(null as varchar) as error_code,
        cast(null as bigint) as segments,
        cast(null as decimal(18, 6)) as price_amount,
        cast(null as varchar) as price_currency,
        true as is_start,
        cast(null as varchar) as operator_token,
        cast(null as timestamp) as submitted_at,
        received_at,
        event_date
    from {{ ref('stg_twilio__messages') }}
    where
        direction <> 'inbound'
        and status in ('delivered', 'undelivered', 'read')

),

smpp as (

    select
        workspace_id,
        message_token,
        'smpp' as provider,
        'sms' as channel,
        case
            when status = 'ACCEPTD' then 'accepted'
            when status = 'ENROUTE' then 'sent'
            when status = 'DELIVRD' then 'delivered'
            when status in ('EXPIRED', 'DELETED', 'UNDELIV', 'REJECTD') then 'failed'
            else 'other'
        end as status,
        occurred_at,
        occurred_at as status_at,
        cast(null as varchar) as contact_token,
        cast(null as varchar) as contact_user_token,
        cast(null as varchar) as contact_country,
        cast(null as varchar) as provider_category,
        cast(null as boolean) as is_billable,
        -- `err` means something else at each operator; the state is the code they share (SMPP 3.4, 5.2.28).
        case when status in ('EXPIRED', 'DELETED', 'UNDELIV', 'REJECTD') then status end as error_code,
        parts_submitted as segments,
        cast(null as decimal(18, 6)) as price_amount,
        cast(null as varchar) as price_currency,
        -- It names nobody: without an outbox row it is no message.
        false as is_start,
        operator_token,
        submitted_at,
        received_at,
        event_date
    from {{ ref('stg_smpp__receipts') }}

),

unioned as (

    select * from whatsapp
    union all
    select * from whatsapp_echoes
    union all
    select * from twilio_callbacks
    union all
    select * from twilio_exports
    union all
    select * from twilio_sent
    union all
    select * from smpp

)

{{ of_one_contact('unioned', has_user_token=true) }}
