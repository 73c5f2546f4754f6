-- Workspaces that instructed us to take part, from their published rows alone. A comparison needs enough
-- of them (`minimum_workspaces` in `pipelines/policy.yml`), and none with more than half of the messages.
{%- set rates = [
    ('delivery_rate', 'delivered_messages', 'attempted_messages'),
    ('read_rate', 'read_messages', 'readable_messages'),
    ('click_rate', 'clicked_messages', 'delivered_messages'),
    ('reply_72h_rate', 'replied_72h_messages', 'delivered_messages'),
    ('opt_out_rate', 'opted_out_messages', 'delivered_messages'),
    ('failure_rate', 'failed_messages', 'attempted_messages'),
] %}
with workspaces as (

    select * from {{ ref('dim_published_workspaces') }}
    where is_in_benchmarks

),

cells as (

    select cells.*
    from {{ ref('cube_workspace_monthly') }} as cells
    inner join workspaces
        on cells.workspace_key = workspaces.workspace_key
    where cells.level = 'workspace'

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
