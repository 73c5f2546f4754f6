{{ of_one_contact(ref('stg_app__link_clicks'), has_country=false) }}
