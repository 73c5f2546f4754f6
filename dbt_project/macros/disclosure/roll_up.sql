{#-
    Decide which children of a parent may stand alone, so that every published group is safe.

    A group is safe if it holds at least `minimum_contacts` distinct contacts. Children of a safe parent
    are taken from the smallest to the largest: the unsafe ones go to `other`. Where these are too few to be safe
    together, counted exactly over their union, either further ones join until they are, or, with `absorbs`, the
    largest child takes them in: one stray message must not take a campaign of thousands its name. `other` is
    never split. Ties are broken by the child's id, so that the same rows always give the same groups. Null
    contacts count as nobody.

    Args:
        relation: Name of a relation with the columns below; one contact may stand in many rows.
        parent: Columns that name the parent; each is not null.
        child: Column that names the child; null is a child of its own.
        contact: Column of the privacy unit.
        absorbs: Whether the largest child takes in what is too little to be `other`. Not where children are
            owners, who must not find others' contacts among theirs.

    Returns:
        A query: one row per parent and child with `placement`: `own` (stands alone), `other` (joins the
        siblings' group), `absorbed` (is in the largest sibling) or `unsafe` (the parent as a whole is below the
        threshold: its parent decides); and `shown_as`: the child whose group it is in; null in `other`.
-#}
{% macro roll_up(relation, parent, child, contact='contact_token', k=var('minimum_contacts'), absorbs=false) %}
{%- set parents = parent | join(', ') -%}
with children as (

    select
        {{ parents }},
        {{ child }},
        count(distinct {{ contact }}) as contacts
    from {{ relation }}
    group by {{ parents }}, {{ child }}

),

ranked as (

    select
        *,
        row_number() over (partition by {{ parents }} order by contacts, {{ child }} nulls first) as child_rank,
        min(contacts) over (partition by {{ parents }}) as fewest_contacts
    from children

),

first_seen as (

    select
        {% for column in parent -%}
        ranked.{{ column }},
        {% endfor -%}
        units.{{ contact }},
        min(ranked.child_rank) as child_rank
    from {{ relation }} as units
    inner join ranked
        on
            units.{{ child }} is not distinct from ranked.{{ child }}
            {% for column in parent -%}
            and units.{{ column }} = ranked.{{ column }}
            {% endfor %}
    where units.{{ contact }} is not null
    group by {% for column in parent %}ranked.{{ column }}, {% endfor %}units.{{ contact }}

),

gained as (

    select
        {{ parents }},
        child_rank,
        count(*) as new_contacts
    from first_seen
    group by {{ parents }}, child_rank

),

cumulated as (

    select
        {% for column in parent -%}
        ranked.{{ column }},
        {% endfor -%}
        ranked.{{ child }},
        ranked.contacts,
        ranked.fewest_contacts,
        sum(coalesce(gained.new_contacts, 0)) over (
            partition by {% for column in parent %}ranked.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
        ) as parent_contacts,
        sum(coalesce(gained.new_contacts, 0)) over (
            partition by {% for column in parent %}ranked.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
            order by ranked.child_rank
            rows between unbounded preceding and current row
        ) as contacts_through,
        coalesce(gained.new_contacts, 0) as new_contacts,
        ranked.child_rank
    from ranked
    left join gained
        on
            ranked.child_rank = gained.child_rank
            {% for column in parent -%}
            and ranked.{{ column }} = gained.{{ column }}
            {% endfor %}

),

placed as (

    select
        *,
        case
            when parent_contacts < {{ k }} then 'unsafe'
            when contacts < {{ k }} then 'other'
            when fewest_contacts < {{ k }} and contacts_through - new_contacts < {{ k }} then 'other'
            else 'own'
        end as joined,
        max(case when contacts < {{ k }} then contacts_through else 0 end) over (partition by {{ parents }})
            as rest_contacts,
        first_value({{ child }}) over (partition by {{ parents }} order by child_rank desc) as largest_child
    from cumulated

),

decided as (

    select
        *,
        {% if absorbs -%}
        case
            when joined = 'unsafe' or rest_contacts >= {{ k }} then joined
            when contacts < {{ k }} then 'absorbed'
            else 'own'
        end as placement
        {%- else -%}
        joined as placement
        {%- endif %}
    from placed

)

select
    {{ parents }},
    {{ child }},
    placement,
    case placement when 'own' then {{ child }} when 'absorbed' then largest_child end as shown_as
from decided
{% endmacro %}
