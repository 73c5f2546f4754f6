{#- Generated from pipelines/cubes by `make sync`; do not edit. -#}
{{ config(**slices('month')) }}

{{ cube(
    facts='slice_month_opt_outs',
    leaves='slice_month_leaves',
    period='month',
    keys=['workspace_id'],
    path=['workspace_key'],
    levels=[
        {'name': 'platform', 'depth': 0},
        {'name': 'workspace', 'depth': 1},
    ],
    dimension={'name': 'opt_out_source', 'sql': "channel || ' ' || opt_out_source", 'values': []},
    measures=[
        {'name': 'opted_out_contacts', 'sql': 'case when true then 1 else 0 end', 'is_units': True, 'parent': None},
    ],
    minimum_units=11,
    unit='contact'
) }}
