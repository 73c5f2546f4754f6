{#- Generated from pipelines/cubes by `make sync`; do not edit. -#}
{{ config(**slices('month')) }}

{{ cube(
    facts='slice_month_late',
    leaves='slice_month_leaves',
    period='month',
    keys=['workspace_id'],
    path=['workspace_key'],
    levels=[
        {'name': 'platform', 'depth': 0},
        {'name': 'workspace', 'depth': 1},
    ],
    dimension=None,
    measures=[
        {'name': 'late_contacts', 'sql': 'case when true then 1 else 0 end', 'is_units': True, 'parent': None},
        {'name': 'late_statuses', 'sql': 'case when true then 1 else 0 end', 'is_units': False, 'parent': None},
    ],
    minimum_units=11,
    unit='contact'
) }}
