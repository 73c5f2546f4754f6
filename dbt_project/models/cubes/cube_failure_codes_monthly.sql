{#- Generated from pipelines/cubes by `make sync`; do not edit. -#}
{{ config(**slices('month')) }}

{{ cube(
    facts='slice_month_messages',
    leaves='slice_month_leaves',
    period='month',
    keys=['workspace_id'],
    path=['workspace_key'],
    levels=[
        {'name': 'platform', 'depth': 0},
        {'name': 'workspace', 'depth': 1},
    ],
    dimension={'name': 'failure_code', 'sql': "case when is_failed then provider || ' ' || coalesce(provider_error_code, 'none') end", 'values': []},
    measures=[
        {'name': 'failed_messages', 'sql': 'case when is_failed then 1 else 0 end', 'is_units': False, 'parent': None},
    ],
    minimum_units=11,
    unit='contact'
) }}
