-- No people are in it, so no threshold applies; only templates that cubes show are in it (decision 0092).
with published as (

    select distinct
        workspace_key,
        template_key
    from {{ ref('cube_campaign_daily') }}
    where level = 'template'

),

-- The provider numbers templates in its own way: what both sides know is name and language.
named as (

    select
        workspace_id,
        template_name,
        template_language,
        min(template_id) as template_id
    from {{ ref('dim_templates') }}
    group by workspace_id, template_name, template_language
    having count(*) = 1

),

notices as (

    {% for kind, old, new in [
        ('quality', 'previous_quality', 'new_quality'),
        ('category', 'previous_category', 'new_category'),
        ('status', 'null', 'event'),
    ] -%}
    select
        workspace_id,
        template_name,
        template_language,
        occurred_at,
        '{{ kind }}' as change_kind,
        lower(cast({{ old }} as varchar)) as old_value,
        lower({{ new }}) as new_value
    from {{ ref('stg_whatsapp__template_updates') }}
    where {{ new }} is not null
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- A notice of a new status does not say what it was before: the notice before does.
changes as (

    select
        notices.workspace_id,
        named.template_id,
        notices.template_name,
        notices.template_language,
        notices.change_kind,
        notices.occurred_at,
        {{ local_date('notices.occurred_at', 'workspaces.time_zone') }} as change_date,
        coalesce(
            notices.old_value,
            lag(notices.new_value) over (
                partition by notices.workspace_id, named.template_id, notices.change_kind
                order by notices.occurred_at
            )
        ) as old_value,
        notices.new_value
    from notices
    inner join named
        on
            notices.workspace_id = named.workspace_id
            and notices.template_name = named.template_name
            and notices.template_language = named.template_language
    left join {{ ref('dim_workspaces') }} as workspaces
        on notices.workspace_id = workspaces.workspace_id

),

days as (

    select
        surrogate(workspace_id, 'workspace', workspace_id) as workspace_key,
        surrogate(workspace_id, 'template', template_id) as template_key,
        template_name,
        template_language,
        change_date,
        change_kind,
        arg_min(coalesce(old_value, ''), occurred_at) as old_value,
        arg_max(new_value, occurred_at) as new_value
    from changes
    group by workspace_id, template_id, template_name, template_language, change_date, change_kind

)

select
    cast(days.workspace_key as varchar) as workspace_key,
    cast(days.template_key as varchar) as template_key,
    cast(days.template_name as varchar) as template_name,
    cast(days.template_language as varchar) as template_language,
    cast(days.change_date as date) as change_date,
    cast(days.change_kind as varchar) as change_kind,
    cast(nullif(days.old_value, '') as varchar) as old_value,
    cast(days.new_value as varchar) as new_value
from days
inner join published
    on
        days.workspace_key = published.workspace_key
        and days.template_key = published.template_key
where nullif(days.old_value, '') is distinct from days.new_value
