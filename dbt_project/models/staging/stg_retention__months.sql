with source as (

    select * from {{ source('retention', 'months') }}

)

select
    category,
    month,
    workspace_id,
    is_complete
from source
