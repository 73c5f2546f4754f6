{#- What stands for a workspace in published tables; see `pipelines/disclosure/surrogates.py`. -#}
{% macro workspace_key() -%}
    surrogate(workspace_id, 'workspace', workspace_id)
{%- endmacro %}

{#- What stands for a campaign in published tables; null for no campaign. -#}
{% macro campaign_key() -%}
    surrogate(workspace_id, 'campaign', campaign_id)
{%- endmacro %}

{#- What a reader calls a workspace: its name, or what the group it is in is made of. -#}
{% macro workspace_label(key, name) -%}
    case {{ key }}
        when 'all' then 'All workspaces'
        when 'other' then 'Other workspaces'
        when 'former' then 'Former workspaces'
        else {{ name }}
    end
{%- endmacro %}
