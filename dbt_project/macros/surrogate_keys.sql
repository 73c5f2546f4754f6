{#- What stands for a workspace in published tables; see `pipelines/disclosure/surrogates.py`. -#}
{% macro workspace_key() -%}
    surrogate(workspace_id, 'workspace', workspace_id)
{%- endmacro %}

{#- What stands for a campaign in published tables; null for no campaign. -#}
{% macro campaign_key() -%}
    surrogate(workspace_id, 'campaign', campaign_id)
{%- endmacro %}

{#- What stands for a template in published tables; see `slice_leaves`. -#}
{% macro template_key() -%}
    surrogate(workspace_id, 'template', template_id)
{%- endmacro %}

{#- What a reader calls a workspace, campaign or template: its name, or what the group it is in is made of. -#}
{% macro label(thing, key, name) -%}
    case {{ key }}
        when 'all' then 'All {{ thing }}s'
        when 'other' then 'Other {{ thing }}s'
        when 'former' then 'Former {{ thing }}s'
        when 'mixed' then 'Several {{ thing }}s'
        when 'none' then 'No {{ thing }}'
        else coalesce({{ name }}, 'Unnamed {{ thing }} ' || left({{ key }}, 6))
    end
{%- endmacro %}
