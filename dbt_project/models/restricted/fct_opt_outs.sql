select
    workspace_id,
    event_id,
    contact_token,
    channel,
    opt_out_source,
    occurred_at,
    cast(occurred_at as date) as opt_out_date
from {{ ref('int_opt_outs_unioned') }}
