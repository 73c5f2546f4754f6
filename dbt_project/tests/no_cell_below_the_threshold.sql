-- No published count of people or messages is below the threshold, and a number is there or a flag, never
-- both. Sums of former workspaces are lower bounds where a part is coded (`>=`), and may be any number.
{{ config(group='restricted') }}
{% for measure in ['audience_contacts', 'attempted_messages', 'delivered_messages', 'read_messages'] %}
select 1 as too_small
from {{ ref('cube_campaign_daily') }}
where
    {{ days('send_date', slice_from('day'), slice_to('day')) }}
    and (
        ({{ measure }} < {{ var('minimum_contacts') }} and {{ measure }}_flag is distinct from '>=')
        or ({{ measure }} is null) <> (coalesce({{ measure }}_flag, '>=') <> '>=')
    )
{{ 'union all' if not loop.last }}
{% endfor %}
