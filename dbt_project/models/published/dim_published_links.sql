-- A link's label is the path that enough contacts were led to: what only few got could be about one of them.
with published as (

    select distinct
        workspace_key,
        link_key
    from {{ ref('cube_clicks_daily') }}
    where link_key not in ('other', 'unknown')

),

paths as (

    select
        workspace_id,
        link_id,
        regexp_extract(target_url, '^[A-Za-z]+://[^/?#]*([^?#]*)', 1) as link_path,
        count(distinct contact_token) as contacts
    from {{ ref('int_link_clicks') }}
    where link_id is not null and target_url is not null
    group by all

),

labels as (

    select
        surrogate(workspace_id, 'workspace', workspace_id) as workspace_key,
        surrogate(workspace_id, 'link', link_id) as link_key,
        arg_max(link_path, (contacts, link_path)) as link_path
    from paths
    where contacts >= {{ var('minimum_contacts') }} and link_path <> ''
    group by workspace_id, link_id

)

select
    cast(labels.workspace_key as varchar) as workspace_key,
    cast(labels.link_key as varchar) as link_key,
    cast(labels.link_path as varchar) as link_path
from labels
inner join published
    on
        labels.workspace_key = published.workspace_key
        and labels.link_key = published.link_key
