with source as (

    select * from {{ source('store', 'web__access_logs') }}

)

select
    workspace_id,
    event_id,
    received_at,
    ip_network,
    occurred_at,
    method,
    request_url,
    protocol,
    status_code,
    response_bytes,
    referrer_url,
    user_agent_browser,
    user_agent_os,
    user_agent_device,
    event_date,
    retention_days
from source
