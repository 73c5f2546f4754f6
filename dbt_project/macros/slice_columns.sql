{#- What groups messages of no campaign: `/` begins no campaign's id. -#}
{% macro campaign_ref(relation) -%}
    coalesce(
        {{ relation }}.campaign_id,
        '/' || coalesce({{ relation }}.channel, 'unknown') || '/' || coalesce({{ relation }}.message_category, 'unknown')
    )
{%- endmacro %}

{#- The value all rows of a group share, else `mixed`. -#}
{% macro common(column) -%}
    case when count(distinct {{ column }}) > 1 then 'mixed' else min({{ column }}) end
{%- endmacro %}

{#- The bin of the time from one moment to another, named by its upper bound; null where there was none. -#}
{% macro latency_bin(from_time, to_time) -%}
    case
        when {{ to_time }} is null then null
        {% for name, bound in [
            ('5s', "'5' second"), ('15s', "'15' second"), ('1min', "'1' minute"), ('5min', "'5' minute"),
            ('15min', "'15' minute"), ('1h', "'1' hour"), ('4h', "'4' hour"), ('12h', "'12' hour"),
            ('1d', "'1' day"), ('3d', "'3' day"),
        ] -%}
        when {{ to_time }} < {{ from_time }} + interval {{ bound }} then '{{ name }}'
        {% endfor -%}
        else '{{ var('lateness_days') }}d'
    end
{%- endmacro %}

{#- Weekday and hour on a clock of a time zone, e.g. `mon-09`; UTC where the zone is unknown. -#}
{% macro hour_of_week(moment, time_zone) -%}
    lower(strftime({{ local_time(moment, time_zone) }}, '%a-%H'))
{%- endmacro %}

{#- A moment in UTC as a clock of a time zone shows it. -#}
{% macro local_time(moment, time_zone) -%}
    coalesce(try(({{ moment }} at time zone 'UTC') at time zone {{ time_zone }}), {{ moment }})
{%- endmacro %}

{#- The day that it shows. -#}
{% macro local_date(moment, time_zone) -%}
    cast({{ local_time(moment, time_zone) }} as date)
{%- endmacro %}

{#- A moment's quarter, e.g. `2026-Q1`. -#}
{% macro quarter(moment) -%}
    year({{ moment }}) || '-Q' || quarter({{ moment }})
{%- endmacro %}

{#- The record key of every person in a relation, once: hashing takes longer than grouping. -#}
{% macro record_keys(relation, unit) -%}
    select
        workspace_id,
        {{ unit }},
        record_key(workspace_id, {{ unit }}) as record_key
    from {{ relation }}
    where {{ unit }} is not null
    group by workspace_id, {{ unit }}
{%- endmacro %}

{#-
    The rows of a relation that are of a complete month: nothing of it was past its window, for the row's workspace,
    when the month closed. Of any other a part is gone, and a part must not pass for the whole.

    Args:
        day: Column that says of which month a row is.
        category: Data category of the rows in `pipelines/policy.yml`.
-#}
{% macro of_complete_months(relation, day, category='message_log') -%}
    select {{ relation }}.*
    from {{ relation }}
    left join {{ ref('stg_retention__months') }} as own
        on
            date_trunc('month', {{ relation }}.{{ day }}) = own.month
            and {{ relation }}.workspace_id = own.workspace_id
            and own.category = '{{ category }}'
    left join {{ ref('stg_retention__months') }} as others
        on
            date_trunc('month', {{ relation }}.{{ day }}) = others.month
            and others.workspace_id is null
            and others.category = '{{ category }}'
    where coalesce(own.is_complete, others.is_complete)
{%- endmacro %}
