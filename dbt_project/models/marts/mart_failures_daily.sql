-- Generated from pipelines/cubes by `make sync`; do not edit.
with cells as (

    select * from {{ ref('cube_failures_daily') }}
    where level = 'campaign'

),

workspaces as (

    select * from {{ ref('dim_published_workspaces') }}

),

templates as (

    select * from {{ ref('dim_published_templates') }}

),

campaigns as (

    select * from {{ ref('dim_published_campaigns') }}

)

select
    cells.send_date,
    cells.workspace_key,
    cells.channel,
    cells.message_category,
    cells.template_key,
    cells.campaign_key,
    cells.error_class,
    {{ label('workspace', 'cells.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    {{ label('template', 'cells.template_key', 'templates.template_name') }} as template_name,
    {{ label('campaign', 'cells.campaign_key', 'campaigns.campaign_name') }} as campaign_name,
    coalesce(campaigns.variant, 'none') as variant,
    cells.failed_messages
from cells
left join workspaces
    on cells.workspace_key = workspaces.workspace_key
left join templates
    on
        cells.workspace_key = templates.workspace_key
        and cells.template_key = templates.template_key
left join campaigns
    on
        cells.workspace_key = campaigns.workspace_key
        and cells.campaign_key = campaigns.campaign_key
