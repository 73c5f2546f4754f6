select
    workspace_id,
    event_id,
    member_token,
    session_token,
    usage_event,
    feature,
    page_url,
    referrer_url,
    plan,
    user_agent_browser,
    user_agent_os,
    user_agent_device,
    occurred_at,
    cast(occurred_at as date) as usage_date
from {{ ref('stg_web__usage_events') }}
