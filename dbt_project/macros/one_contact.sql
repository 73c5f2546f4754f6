{#-
    The rows of a relation, each of the one contact it is of: whatever a row names, number or user id, its
    `contact_token` is the same. Whatever counts contacts reads rows that have passed through here.

    Args:
        has_user_token: Whether a row may name its contact by `contact_user_token` alone.
        has_country: Whether the rows have a `contact_country`: a user id has that of its contact's number.
-#}
{% macro of_one_contact(relation, has_user_token=false, has_country=true) -%}
{%- set token = 'coalesce(named.contact_token, named.contact_user_token)' if has_user_token else 'named.contact_token' -%}
select
    named.* replace (
        {%- if has_country %}
        coalesce(identities.contact_country, named.contact_country) as contact_country,
        {%- endif %}
        coalesce(identities.contact_token, {{ token }}) as contact_token
    )
from {{ relation }} as named
left join {{ ref('stg_identity__contacts') }} as identities
    on
        named.workspace_id = identities.workspace_id
        and {{ token }} = identities.token
{%- endmacro %}
