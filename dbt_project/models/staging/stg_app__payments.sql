with source as (

    select * from {{ source('store', 'app__payments') }}

)

select
    entity_id,
    received_at,
    workspace_id,
    payment_id,
    invoice_id,
    amount,
    currency,
    method,
    paid_at,
    updated_at
from source
