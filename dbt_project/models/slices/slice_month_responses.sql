{{ config(tags=['monthly']) }}

with messages as (

    select * from {{ ref('slice_month_messages') }}

)

{% for response, hour in [('read', 'read_hour'), ('click', 'click_hour'), ('reply', 'reply_hour')] -%}
select
    month,
    workspace_id,
    unit_token,
    record_key,
    '{{ response }}' as response,
    {{ hour }} as response_hour
from messages
where {{ hour }} is not null
{{ 'union all' if not loop.last }}
{% endfor %}
