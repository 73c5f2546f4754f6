-- Published keys are surrogates of 16 digits or words of the model; a token has 32 digits.
select 1 as not_a_surrogate
from {{ ref('mart_campaign_daily') }}
where
    not regexp_matches(workspace_key, '^([0-9a-f]{16}|other|former)$')
    or not regexp_matches(campaign_key, '^([0-9a-f]{16}|other|none|former)$')
    or (workspace_key in ('other', 'former') and campaign_key <> workspace_key)
    or (workspace_key <> 'former' and campaign_key = 'former')
