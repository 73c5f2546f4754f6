-- No number of the funnel is exact: each is a multiple of the base.
{{ config(group='restricted') }}
{% for measure in ['audience_contacts', 'attempted_messages', 'delivered_messages', 'read_messages'] %}
select 1 as not_rounded
from {{ ref('cube_campaign_daily') }}
where
    {{ days('send_date', slice_from('day'), slice_to('day')) }}
    and {{ measure }} % {{ var('rounding_base') }} <> 0
{{ 'union all' if not loop.last }}
{% endfor %}
