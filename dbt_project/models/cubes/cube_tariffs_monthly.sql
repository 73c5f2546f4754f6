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
    dimension={'name': 'tariff', 'sql': 'case when is_accepted then tariff end', 'values': []},
    measures=[
        {'name': 'accepted_messages', 'sql': 'case when is_accepted then 1 else 0 end', 'is_units': False, 'parent': None},
        {'name': 'delivered_messages', 'sql': 'case when is_accepted and is_delivered then 1 else 0 end', 'is_units': False, 'parent': 'accepted_messages'},
        {'name': 'replied_72h_messages', 'sql': 'case when is_accepted and is_replied_72h then 1 else 0 end', 'is_units': False, 'parent': 'accepted_messages'},
        {'name': 'segments', 'sql': 'coalesce(case when is_accepted then segments end, 0)', 'is_units': False, 'parent': None},
    ],
    minimum_units=11,
    unit='contact'
) }}
