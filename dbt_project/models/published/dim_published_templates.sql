with published as (

    select distinct
        workspace_key,
        template_key
    from {{ ref('cube_campaign_daily') }}
    where level = 'template'

),

templates as (

    select
        *,
        {{ workspace_key() }} as workspace_key,
        {{ template_key() }} as template_key
    from {{ ref('dim_templates') }}

)

select
    cast(templates.workspace_key as varchar) as workspace_key,
    cast(templates.template_key as varchar) as template_key,
    cast(templates.template_name as varchar) as template_name,
    cast(templates.template_language as varchar) as template_language,
    cast(templates.message_category as varchar) as message_category
from templates
inner join published
    on
        templates.workspace_key = published.workspace_key
        and templates.template_key = published.template_key
