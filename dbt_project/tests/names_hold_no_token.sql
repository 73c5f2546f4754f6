-- No published name holds anything that looks like a token or a key.
{% set names = [
    ('mart_campaign_funnel', 'workspace_name'),
    ('mart_campaign_funnel', 'campaign_name'),
    ('mart_campaign_funnel', 'template_name'),
] %}
{% for model_name, column in names %}
select 1 as token
from {{ ref(model_name) }}
where regexp_matches({{ column }}, '[0-9a-f]{16}')
{{ 'union all' if not loop.last }}
{% endfor %}
