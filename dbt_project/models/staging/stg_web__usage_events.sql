with source as (

    select * from {{ source('store', 'web__usage_events') }}

)

select
    event_id,
    received_at,
    workspace_id,
    occurred_at,
    member_token,
    session_token,
    device_token,
    usage_event,
    feature,
    page_url,
    referrer_url,
    plan,
    ip_network,
    user_agent_browser,
    user_agent_os,
    user_agent_device,
    event_date,
    retention_days
from source
