-- Workspaces that instructed us to take part, from their published days alone. A comparison needs enough
-- (`minimum_workspaces` in `pipelines/policy.yml`), and none with more than half of the messages.
{%- set rates = [
    ('delivery_rate', 'delivered_messages', 'attempted_messages'),
    ('read_rate', 'read_messages', 'readable_messages'),
    ('click_rate', 'clicked_messages', 'delivered_messages'),
    ('reply_72h_rate', 'replied_72h_messages', 'delivered_messages'),
    ('opt_out_rate', 'opted_out_messages', 'delivered_messages'),
    ('failure_rate', 'failed_messages', 'attempted_messages'),
] %}
with months as (

    {{ summed_days(
        ref('cube_campaign_daily'),
        level='workspace',
        per='month',
        keys=['workspace_key'],
        measures=[
            'attempted_messages',
            'delivered_messages',
            'readable_messages',
            'read_messages',
            'clicked_messages',
            'replied_72h_messages',
            'opted_out_messages',
            'failed_messages',
        ],
    ) }}

),

workspaces as (

    select * from {{ ref('dim_published_workspaces') }}
    where is_in_benchmarks

),

cells as (

    select months.*
    from months
    inner join workspaces
        on months.workspace_key = workspaces.workspace_key

),

rates as (

    {% for name, over, under in rates -%}
    select
        month,
        '{{ name }}' as rate_name,
        attempted_messages,
        {{ rate(over, under) }} as rate
    from cells
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select
    month,
    rate_name,
    count(*) as workspaces,
    quantile_cont(rate, 0.25) as rate_p25,
    quantile_cont(rate, 0.5) as rate_p50,
    quantile_cont(rate, 0.75) as rate_p75
from rates
where rate is not null
group by month, rate_name
having
    count(*) >= {{ var('minimum_workspaces') }}
    and max(attempted_messages) * 2 <= sum(attempted_messages)
