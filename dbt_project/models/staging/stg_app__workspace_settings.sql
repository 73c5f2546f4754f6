with source as (

    select * from {{ source('store', 'app__workspace_settings') }}

)

select
    entity_id,
    received_at,
    workspace_id,
    message_log_retention_days,
    is_in_benchmarks,
    valid_from,
    updated_at
from source
