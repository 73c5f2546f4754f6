-- The spine of a day: every campaign's place, from the platform down. A group keeps what all its messages
-- have in common; what differs reads `mixed`, so that each level splits the one above it. A workspace is
-- never taken in by another; below it, what is too little to be `other` is in the largest part.
{%- set levels = ['workspace_id', 'channel', 'message_category', 'template_ref', 'group_ref'] %}
with groups as (

    select * from {{ ref('slice_campaign_groups') }}

),

members as (

    select
        messages.send_date,
        messages.workspace_id,
        groups.group_ref,
        messages.unit_token,
        messages.channel,
        messages.message_category,
        messages.template_ref
    from {{ ref('slice_messages') }} as messages
    inner join groups
        on
            messages.send_date = groups.send_date
            and messages.workspace_id = groups.workspace_id
            and messages.campaign_ref = groups.campaign_ref
    group by all

),

described as (

    select
        send_date,
        workspace_id,
        group_ref,
        {{ common('channel') }} as channel,
        {{ common('message_category') }} as message_category,
        {{ common('template_ref') }} as template_ref
    from members
    group by send_date, workspace_id, group_ref

),

units_0 as (

    select
        described.*,
        described.workspace_id as own_workspace_id,
        described.group_ref as own_group_ref,
        members.unit_token
    from members
    inner join described
        on
            members.send_date = described.send_date
            and members.workspace_id = described.workspace_id
            and members.group_ref = described.group_ref

),

{% for level in levels -%}
{%- set parents = ['send_date'] + levels[:loop.index0] -%}
open_{{ loop.index }} as (

    select * from units_{{ loop.index0 }}
    {% if not loop.first -%}
    where {{ levels[loop.index0 - 1] }} is not null
    {%- endif %}

),

placements_{{ loop.index }} as (

    {{
        roll_up(
            'open_' ~ loop.index, parent=parents, child=level, contact='unit_token', absorbs=not loop.first
        )
    }}

),

-- Null from here on down: the rest of its parent, which is never split.
units_{{ loop.index }} as (

    select
        {% for parent in parents -%}
        units.{{ parent }},
        {% endfor -%}
        placements.shown_as as {{ level }},
        {% for child in levels[loop.index:] -%}
        case when placements.shown_as is not null then units.{{ child }} end as {{ child }},
        {% endfor -%}
        units.own_workspace_id,
        units.own_group_ref,
        units.unit_token
    from units_{{ loop.index0 }} as units
    left join placements_{{ loop.index }} as placements
        on
            units.{{ level }} = placements.{{ level }}
            {% for parent in parents -%}
            and units.{{ parent }} = placements.{{ parent }}
            {% endfor %}
    {% if loop.first -%}
    -- A day on which the whole platform is too small is not published at all.
    where placements.placement <> 'unsafe'
    {%- endif %}

),

{% endfor -%}
places as (

    select distinct
    {% for column in ['send_date', 'own_workspace_id', 'own_group_ref'] + levels -%}
        {{ column }}{{ ',' if not loop.last }}
    {% endfor %}
    from units_{{ levels | length }}

)

select
    places.send_date,
    places.own_workspace_id as workspace_id,
    groups.campaign_ref,
    coalesce(surrogate(places.workspace_id, 'workspace', places.workspace_id), 'other') as workspace_key,
    coalesce(places.channel, 'other') as channel,
    coalesce(places.message_category, 'other') as message_category,
    case
        when places.template_ref is null then 'other'
        when places.template_ref = '' then 'none'
        when places.template_ref = 'mixed' then 'mixed'
        else surrogate(places.workspace_id, 'template', places.template_ref)
    end as template_key,
    case
        when places.group_ref is null then 'other'
        when places.group_ref like '/%' then 'none'
        else surrogate(places.workspace_id, 'campaign', places.group_ref)
    end as campaign_key
from places
inner join groups
    on
        places.send_date = groups.send_date
        and places.own_workspace_id = groups.workspace_id
        and places.own_group_ref = groups.group_ref
