with source as (

    select * from {{ source('store', 'app__invoices') }}

)

select
    entity_id,
    received_at,
    workspace_id,
    invoice_id,
    billing_token,
    amount,
    currency,
    status,
    issued_at,
    updated_at
from source
