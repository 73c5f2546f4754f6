{#- The grain of a model: no two rows agree in ``columns``. -#}
{% test one_row_per(model, columns) %}
select count(*) as repeated
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
