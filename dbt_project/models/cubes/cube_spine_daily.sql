{{ config(**daily_slices()) }}

with messages as (

    {{ sent_messages(batch_day(), batch_day()) }}

),

workspaces as (

    {{ roll_up('messages', parent=['send_date'], child='workspace_id') }}

),

messages_of_safe_workspaces as (

    select
        messages.send_date,
        messages.workspace_id,
        messages.campaign_id,
        messages.contact_token
    from messages
    inner join workspaces
        on
            messages.send_date = workspaces.send_date
            and messages.workspace_id = workspaces.workspace_id
    where workspaces.placement = 'own'

),

campaigns as (

    {{ roll_up('messages_of_safe_workspaces', parent=['send_date', 'workspace_id'], child='campaign_id') }}

),

leaves as (

    select
        send_date,
        {{ workspace_key() }} as workspace_key,
        case
            when placement = 'other' then 'other'
            when campaign_id is null then 'none'
            else {{ campaign_key() }}
        end as campaign_key
    from campaigns
    where placement <> 'unsafe'
    union
    select
        send_date,
        'other' as workspace_key,
        'other' as campaign_key
    from workspaces
    where placement = 'other'

)

select
    cast(send_date as date) as send_date,
    cast(workspace_key as varchar) as workspace_key,
    cast(campaign_key as varchar) as campaign_key
from leaves
