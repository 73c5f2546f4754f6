with campaigns as (

    select * from {{ ref('stg_app__campaigns') }}

),

templates as (

    select * from {{ ref('stg_app__templates') }}

)

select
    campaigns.workspace_id,
    campaigns.campaign_id,
    campaigns.campaign_name,
    campaigns.channel,
    coalesce(campaigns.message_category, templates.message_category) as message_category,
    campaigns.template_id,
    templates.template_name,
    templates.template_language,
    campaigns.variant,
    campaigns.scheduled_at,
    campaigns.created_at
from campaigns
left join templates
    on
        campaigns.workspace_id = templates.workspace_id
        and campaigns.template_id = templates.template_id
