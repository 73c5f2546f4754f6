with source as (

    select * from {{ source('store', 'whatsapp__template_updates') }}

)

select
    workspace_id,
    event_id,
    received_at,
    occurred_at,
    template_id,
    template_name,
    template_language,
    template_category,
    previous_category,
    new_category,
    correct_category,
    event,
    reason,
    previous_quality,
    new_quality,
    event_date,
    retention_days
from source
