with source as (

    select * from {{ source('store', 'app__link_clicks') }}

)

select
    event_id,
    received_at,
    workspace_id,
    message_token,
    campaign_id,
    link_id,
    contact_token,
    target_url,
    ip_network,
    user_agent_browser,
    user_agent_os,
    user_agent_device,
    clicked_at,
    event_date,
    retention_days
from source
