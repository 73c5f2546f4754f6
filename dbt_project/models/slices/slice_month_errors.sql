{{ config(tags=['monthly']) }}

with errors_of_months as (

    select * from {{ ref('stg_web__error_logs') }}
    where
        {{ days('event_date', slice_from('month'), slice_to('month'), before=1) }}
        and {{ days('cast(occurred_at as date)', slice_from('month'), slice_to('month')) }}

),

errors as (

    {{ of_complete_months('errors_of_months', 'occurred_at', category='error_log') }}

)

-- No row says whose error it was, so each counts as somebody of its own.
select
    cast(date_trunc('month', occurred_at) as date) as month,
    workspace_id,
    event_id as unit_token,
    record_key(workspace_id, event_id) as record_key,
    level,
    exception_type
from errors
