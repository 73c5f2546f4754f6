-- No published name holds anything that looks like a token or a key.
{% set names = [
    ('dim_published_workspaces', 'workspace_name'),
    ('dim_published_campaigns', 'campaign_name'),
    ('dim_published_templates', 'template_name'),
    ('dim_published_template_changes', 'template_name'),
] %}
{% for model_name, column in names %}
select 1 as token
from {{ ref(model_name) }}
where regexp_matches({{ column }}, '[0-9a-f]{16}')
{{ 'union all' if not loop.last }}
{% endfor %}
