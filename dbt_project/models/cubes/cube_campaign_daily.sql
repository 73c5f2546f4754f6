{{ config(**daily_slices()) }}

with messages as (

    {{ messages(batch_day(), batch_day()) }}

),

spine as (

    select * from {{ ref('cube_spine_daily') }}
    where {{ days('send_date', batch_day(), batch_day()) }}

),

campaigns as (

    select distinct
        send_date,
        workspace_id,
        campaign_id
    from messages

),

keyed as (

    select
        send_date,
        workspace_id,
        campaign_id,
        {{ workspace_key() }} as workspace_key,
        coalesce({{ campaign_key() }}, 'none') as campaign_key
    from campaigns

),

split_workspaces as (

    select distinct
        send_date,
        workspace_key
    from spine

),

-- Each campaign goes to its own leaf, else to the rest of its workspace, else to the other workspaces.
candidates as (

    select
        keyed.*,
        coalesce(split_workspaces.workspace_key, 'other') as leaf_workspace_key,
        case
            when split_workspaces.workspace_key is null then 'other' else keyed.campaign_key
        end as own_campaign_key
    from keyed
    left join split_workspaces
        on
            keyed.send_date = split_workspaces.send_date
            and keyed.workspace_key = split_workspaces.workspace_key

),

placed as (

    select
        candidates.send_date,
        candidates.workspace_id,
        candidates.campaign_id,
        candidates.leaf_workspace_key as workspace_key,
        coalesce(own.campaign_key, rest.campaign_key) as campaign_key
    from candidates
    left join spine as own
        on
            candidates.send_date = own.send_date
            and candidates.leaf_workspace_key = own.workspace_key
            and candidates.own_campaign_key = own.campaign_key
    left join spine as rest
        on
            candidates.send_date = rest.send_date
            and candidates.leaf_workspace_key = rest.workspace_key
            and rest.campaign_key = 'other'

),

summed as (

    select
        placed.send_date,
        placed.workspace_key,
        placed.campaign_key,
        count(distinct messages.contact_token) as audience_contacts,
        sum(case when messages.is_attempted then 1 else 0 end) as attempted_messages,
        sum(case when messages.is_accepted then 1 else 0 end) as accepted_messages,
        sum(case when messages.is_sent then 1 else 0 end) as sent_messages,
        sum(case when messages.is_delivered then 1 else 0 end) as delivered_messages,
        sum(case when messages.is_read then 1 else 0 end) as read_messages,
        sum(case when messages.is_clicked then 1 else 0 end) as clicked_messages,
        sum(case when messages.is_replied_24h then 1 else 0 end) as replied_24h_messages,
        sum(case when messages.is_replied_72h then 1 else 0 end) as replied_72h_messages,
        sum(case when messages.is_opted_out then 1 else 0 end) as opted_out_messages,
        sum(case when messages.is_failed then 1 else 0 end) as failed_messages,
        sum(case when messages.skip_reason = 'cap' then 1 else 0 end) as skipped_cap_messages,
        sum(case when messages.skip_reason = 'opt_out' then 1 else 0 end) as skipped_opt_out_messages,
        sum(case when messages.skip_reason = 'invalid_number' then 1 else 0 end) as skipped_invalid_messages,
        sum(
            case when messages.skip_reason not in ('cap', 'opt_out', 'invalid_number') then 1 else 0 end
        ) as skipped_other_messages,
        sum(coalesce(messages.segments, 0)) as segments,
        sum(messages.cost_amount) as cost_amount,
        min(messages.cost_currency) as cost_currency,
        count(distinct messages.cost_currency) as currencies
    from messages
    inner join placed
        on
            messages.send_date = placed.send_date
            and messages.workspace_id = placed.workspace_id
            and messages.campaign_id is not distinct from placed.campaign_id
    where placed.campaign_key is not null
    group by placed.send_date, placed.workspace_key, placed.campaign_key

)

select
    cast(send_date as date) as send_date,
    cast(workspace_key as varchar) as workspace_key,
    cast(campaign_key as varchar) as campaign_key,
    cast(audience_contacts as bigint) as audience_contacts,
    cast(attempted_messages as bigint) as attempted_messages,
    cast(accepted_messages as bigint) as accepted_messages,
    cast(sent_messages as bigint) as sent_messages,
    cast(delivered_messages as bigint) as delivered_messages,
    cast(read_messages as bigint) as read_messages,
    cast(clicked_messages as bigint) as clicked_messages,
    cast(replied_24h_messages as bigint) as replied_24h_messages,
    cast(replied_72h_messages as bigint) as replied_72h_messages,
    cast(opted_out_messages as bigint) as opted_out_messages,
    cast(failed_messages as bigint) as failed_messages,
    cast(skipped_cap_messages as bigint) as skipped_cap_messages,
    cast(skipped_opt_out_messages as bigint) as skipped_opt_out_messages,
    cast(skipped_invalid_messages as bigint) as skipped_invalid_messages,
    cast(skipped_other_messages as bigint) as skipped_other_messages,
    cast(segments as bigint) as segments,
    -- Amounts of two currencies have no sum.
    cast(case when currencies = 1 then cost_amount end as decimal(18, 6)) as cost_amount,
    cast(case when currencies = 1 then cost_currency end as varchar) as cost_currency
from summed
