with source as (

    select * from {{ source('identity', 'contacts') }}

)

select
    workspace_id,
    token,
    contact_token,
    contact_country
from source
