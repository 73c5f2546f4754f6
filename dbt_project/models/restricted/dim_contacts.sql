with contacts as (

    {{ of_one_contact(ref('stg_app__contacts'), has_user_token=true) | indent(4) }}

)

select
    workspace_id,
    contact_id_token,
    contact_token,
    contact_user_token,
    contact_country,
    language,
    custom_fields,
    is_opted_in,
    created_at,
    updated_at
from contacts
