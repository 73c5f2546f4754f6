with contacts as (

    select
        workspace_id,
        contact_id_token,
        min(coalesce(contact_token, contact_user_token)) as contact_token
    from {{ ref('stg_app__contacts') }}
    group by workspace_id, contact_id_token

),

named as (

    select
        conversions.* exclude (contact_token),
        coalesce(conversions.contact_token, contacts.contact_token) as contact_token
    from {{ ref('stg_app__conversions') }} as conversions
    left join contacts
        on
            conversions.workspace_id = contacts.workspace_id
            and conversions.contact_id_token = contacts.contact_id_token

)

{{ of_one_contact('named', has_country=false) }}
