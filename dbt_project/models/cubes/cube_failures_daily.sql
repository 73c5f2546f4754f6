{#- Generated from pipelines/cubes by `make sync`; do not edit. -#}
{{ config(**slices('send_date')) }}

{{ cube(
    facts='slice_messages',
    leaves='slice_leaves',
    period='send_date',
    keys=['workspace_id', 'campaign_ref'],
    path=['workspace_key', 'channel', 'message_category', 'template_key', 'campaign_key'],
    levels=[
        {'name': 'workspace', 'depth': 1},
        {'name': 'campaign', 'depth': 5},
    ],
    dimension={'name': 'error_class', 'sql': 'case when is_failed then provider_error_class end', 'values': ['account', 'blocked', 'expired', 'invalid_recipient', 'opted_out', 'policy', 'provider_fault', 'provider_limit', 'rate_limit', 'request', 'template', 'undeliverable', 'unknown', 'unspecified', 'window_closed']},
    measures=[
        {'name': 'failed_messages', 'sql': 'case when is_failed then 1 else 0 end', 'is_units': False, 'parent': None},
    ],
    minimum_units=11,
    unit='contact'
) }}
