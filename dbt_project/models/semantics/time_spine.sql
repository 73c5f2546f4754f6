-- Every day that may be asked for, so that days without a row are answered as well (MetricFlow needs one).
select cast(range as date) as date_day
from range(date '2020-01-01', date '2101-01-01', interval 1 day)
