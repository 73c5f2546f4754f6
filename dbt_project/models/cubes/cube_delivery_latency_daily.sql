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
    dimension={'name': 'latency_bin', 'sql': 'delivery_latency_bin', 'values': ['5s', '15s', '1min', '5min', '15min', '1h', '4h', '12h', '1d', '3d', '7d', 'unknown']},
    measures=[
        {'name': 'delivered_messages', 'sql': 'case when is_delivered then 1 else 0 end', 'is_units': False, 'parent': None},
    ],
    minimum_units=11,
    unit='contact'
) }}
