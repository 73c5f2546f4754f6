{#- The grain of a model: no two rows agree in ``columns``. Of periods, those that are being built are looked at. -#}
{% test one_row_per(model, columns) %}
select count(*) as repeated
from {{ model }}
where
    {% for column, period in [('send_date', 'day'), ('month', 'month')] if column in columns -%}
    {{ days(column, slice_from(period), slice_to(period)) }} and
    {% endfor -%}
    true
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
