select
    workspace_id,
    event_id,
    message_token,
    contact_token,
    campaign_id,
    link_id,
    target_url,
    user_agent_browser,
    user_agent_os,
    user_agent_device,
    clicked_at,
    cast(clicked_at as date) as click_date
from {{ ref('int_link_clicks') }}
