{%- set measures = [
    ('attempted_messages', none),
    ('delivered_messages', 'attempted_messages'),
    ('read_messages', 'delivered_messages'),
    ('clicked_messages', 'attempted_messages'),
    ('replied_72h_messages', 'attempted_messages'),
    ('opted_out_messages', 'attempted_messages'),
    ('failed_messages', 'attempted_messages'),
] %}
with cells as (

    select
        *,
        cast(date_trunc('month', send_date) as date) as month
    from {{ ref('cube_campaign_daily') }}
    where level = 'campaign'

),

campaigns as (

    select * from {{ ref('dim_published_campaigns') }}

),

workspaces as (

    select * from {{ ref('dim_published_workspaces') }}

),

summed as (

    select
        cells.month,
        cells.workspace_key,
        cells.channel,
        cells.message_category,
        cells.template_key,
        coalesce(campaigns.variant, 'none') as variant,
        min(campaigns.template_name) as template_name,
        count(*) as campaign_days,
    {% for measure, parent in measures -%}
    {{ summed(measure, parent) }}{{ ',' if not loop.last }}
    {% endfor %}
    from cells
    left join campaigns
        on
            cells.workspace_key = campaigns.workspace_key
            and cells.campaign_key = campaigns.campaign_key
    group by
        cells.month,
        cells.workspace_key,
        cells.channel,
        cells.message_category,
        cells.template_key,
        coalesce(campaigns.variant, 'none')

)

select
    summed.month,
    summed.workspace_key,
    {{ workspace_label('summed.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    summed.channel,
    summed.message_category,
    summed.template_key,
    summed.template_name,
    summed.variant,
    summed.campaign_days,
    {% for measure, _ in measures -%}
    summed.{{ measure }},
    summed.{{ measure }}_flag,
    {% endfor -%}
    {{ rate('delivered_messages', 'attempted_messages') }} as delivery_rate,
    {{ rate('read_messages', 'delivered_messages') }} as read_rate,
    {{ rate('clicked_messages', 'delivered_messages') }} as click_rate,
    {{ rate('replied_72h_messages', 'delivered_messages') }} as reply_72h_rate,
    {{ rate('opted_out_messages', 'delivered_messages') }} as opt_out_rate
from summed
left join workspaces
    on summed.workspace_key = workspaces.workspace_key
