{{ config(tags=['monthly']) }}

-- The spine of a month: which workspaces stand alone, by all contacts that sent or received anything.
with units as (

    {% for model_name in ['slice_month_messages', 'slice_month_inbound', 'slice_month_opt_outs'] -%}
    select
        month,
        workspace_id,
        unit_token
    from {{ ref(model_name) }}
    {{ 'union' if not loop.last }}
    {% endfor %}

),

placements as (

    {{ roll_up('units', parent=['month'], child='workspace_id', contact='unit_token') }}

)

select
    month,
    workspace_id,
    case when placement = 'own' then surrogate(workspace_id, 'workspace', workspace_id) else 'other' end
        as workspace_key
from placements
where placement <> 'unsafe'
