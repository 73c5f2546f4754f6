{%- set measures = [
    ('attempted_messages', none),
    ('accepted_messages', 'attempted_messages'),
    ('sent_messages', 'attempted_messages'),
    ('delivered_messages', 'attempted_messages'),
    ('read_messages', 'delivered_messages'),
    ('clicked_messages', 'attempted_messages'),
    ('replied_72h_messages', 'attempted_messages'),
    ('replied_24h_messages', 'replied_72h_messages'),
    ('opted_out_messages', 'attempted_messages'),
    ('failed_messages', 'attempted_messages'),
    ('segments', none),
] %}
with cells as (

    select * from {{ ref('cube_campaign_daily') }}
    where level = 'campaign'

),

summed as (

    select
        cells.workspace_key,
        cells.campaign_key,
        -- A group of several has no one value.
        case when count(distinct channel) = 1 then min(channel) else 'mixed' end as channel,
        case when count(distinct message_category) = 1 then min(message_category) else 'mixed' end
            as message_category,
        min(cells.send_date) as first_send_date,
        max(cells.send_date) as last_send_date,
    {% for measure, parent in measures -%}
    {{ summed(measure, parent) }}{{ ',' if not loop.last }}
    {% endfor %}
    from cells
    group by cells.workspace_key, cells.campaign_key

),

campaigns as (

    select * from {{ ref('dim_published_campaigns') }}

),

workspaces as (

    select * from {{ ref('dim_published_workspaces') }}

)

select
    summed.workspace_key,
    {{ workspace_label('summed.workspace_key', 'workspaces.workspace_name') }} as workspace_name,
    summed.campaign_key,
    campaigns.campaign_name,
    summed.channel,
    summed.message_category,
    campaigns.template_name,
    campaigns.variant,
    summed.first_send_date,
    summed.last_send_date,
    {% for measure, _ in measures -%}
    summed.{{ measure }},
    summed.{{ measure }}_flag,
    {% endfor -%}
    {{ rate('delivered_messages', 'attempted_messages') }} as delivery_rate,
    {{ rate('read_messages', 'delivered_messages') }} as read_rate,
    {{ rate('clicked_messages', 'delivered_messages') }} as click_rate,
    {{ rate('replied_72h_messages', 'delivered_messages') }} as reply_72h_rate,
    {{ rate('opted_out_messages', 'delivered_messages') }} as opt_out_rate,
    {{ rate('failed_messages', 'attempted_messages') }} as failure_rate
from summed
left join workspaces
    on summed.workspace_key = workspaces.workspace_key
left join campaigns
    on
        summed.workspace_key = campaigns.workspace_key
        and summed.campaign_key = campaigns.campaign_key
