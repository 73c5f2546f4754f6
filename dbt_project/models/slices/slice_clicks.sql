with messages as (

    select * from {{ ref('slice_messages') }}
    where is_attempted

),

clicks as (

    select * from {{ ref('slice_link_clicks') }}

),

-- Once per link: the function is called for each row it sees.
links as (

    select
        workspace_id,
        link_id,
        surrogate(workspace_id, 'link', link_id) as link_key
    from clicks
    where link_id is not null
    group by workspace_id, link_id

)

select
    messages.send_date,
    messages.workspace_id,
    messages.campaign_ref,
    messages.unit_token,
    messages.record_key,
    links.link_key,
    {{ is_automatic_click('clicks', 'messages.queued_at', 'messages.delivered_at') }} as is_automatic
from messages
inner join clicks
    on
        messages.workspace_id = clicks.workspace_id
        and messages.message_token = clicks.message_token
        and cast(clicks.clicked_at as date)
        between cast(messages.queued_at as date) - 1
        and cast(messages.queued_at as date) + {{ var('lateness_days') }}
left join links
    on
        clicks.workspace_id = links.workspace_id
        and clicks.link_id = links.link_id
