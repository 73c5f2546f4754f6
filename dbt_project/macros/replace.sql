{#-
    Views and tables take the place of what was there, in one statement. dbt's own are made under another name,
    and both are renamed: for a hundred views that costs more than the views.
-#}
{% materialization view, adapter='duckdb' %}
    {{ return(replaced('view')) }}
{% endmaterialization %}

{% materialization table, adapter='duckdb' %}
    {{ return(replaced('table')) }}
{% endmaterialization %}

{#- Put a view or table in the place of what has its name; its columns are those of its contract, if it has one. -#}
{% macro replaced(type) -%}
    {%- set target = this.incorporate(type=type) -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set has_contract = config.get('contract').enforced -%}
    {{ run_hooks(pre_hooks) }}
    {% if existing and existing.type != type %}
        {% do drop_relation_if_exists(existing) %}
    {% endif %}
    {% call statement('main') -%}
        {{ get_assert_columns_equivalent(compiled_code) if has_contract }}
        {% if has_contract and type == 'table' %}
            create or replace table {{ target }} {{ get_table_columns_and_constraints() }};
            insert into {{ target }} {{ get_column_names() }} ({{ get_select_subquery(compiled_code) }})
        {% else %}
            create or replace {{ type }} {{ target }} as ({{ compiled_code }})
        {% endif %}
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [target]}) }}
{%- endmacro %}
