-- Published keys are surrogates of 16 digits or words of the model; a token has 32 digits.
select 1 as not_a_surrogate
from {{ ref('cube_campaign_daily') }}
where
    {{ days('send_date', slice_from('day'), slice_to('day')) }}
    and (
        not regexp_matches(workspace_key, '^([0-9a-f]{16}|all|other|former)$')
        or not regexp_matches(template_key, '^([0-9a-f]{16}|all|other|none|mixed|former)$')
        or not regexp_matches(campaign_key, '^([0-9a-f]{16}|all|other|none|former)$')
    )
