{#- What stands for a workspace in published tables; see `pipelines/dbt_plugin.py` for the function. -#}
{% macro workspace_key() -%}
    surrogate(workspace_id, 'workspace', workspace_id)
{%- endmacro %}

{#- What stands for a campaign in published tables; null for no campaign. -#}
{% macro campaign_key() -%}
    surrogate(workspace_id, 'campaign', campaign_id)
{%- endmacro %}
