with messages as (

    select * from {{ ref('slice_facts') }}
    where {{ days('send_date', slice_from('day'), slice_to('day')) }}

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

converted as (

    select distinct
        messages.workspace_id,
        messages.message_token,
        messages.send_date
    from messages
    inner join {{ ref('slice_attributions') }} as attributions
        on
            {{ is_conversion_of('messages', 'attributions') }}

),

-- Once per contact: hashing takes longer than grouping.
contacts as (

    {{ record_keys('messages', 'contact_token') }}

)

select
    messages.send_date,
    messages.workspace_id,
    {{ campaign_ref('messages') }} as campaign_ref,
    messages.message_token,
    messages.contact_token as unit_token,
    contacts.record_key,
    coalesce(campaigns.channel, messages.channel, 'unknown') as channel,
    coalesce(campaigns.message_category, messages.message_category, 'unknown') as message_category,
    coalesce(campaigns.template_id, '') as template_ref,
    messages.queued_at,
    messages.delivered_at,
    messages.is_attempted,
    messages.is_accepted,
    messages.is_sent,
    messages.is_delivered,
    messages.is_readable,
    messages.is_read,
    messages.is_clicked,
    messages.is_attempted and converted.message_token is not null as is_converted,
    messages.is_replied_24h,
    messages.is_replied_72h,
    messages.is_opted_out,
    messages.is_failed,
    messages.skip_reason,
    messages.segments,
    messages.provider_error_class,
    {{ latency_bin('messages.queued_at', 'messages.delivered_at') }} as delivery_latency_bin,
    {{ latency_bin('messages.queued_at', 'messages.read_at') }} as read_latency_bin
from messages
left join campaigns
    on
        messages.workspace_id = campaigns.workspace_id
        and messages.campaign_id = campaigns.campaign_id
left join converted
    on
        messages.workspace_id = converted.workspace_id
        and messages.message_token = converted.message_token
        and messages.send_date = converted.send_date
left join contacts
    on
        messages.workspace_id = contacts.workspace_id
        and messages.contact_token = contacts.contact_token
