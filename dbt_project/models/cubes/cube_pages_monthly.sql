{#- Generated from pipelines/cubes by `make sync`; do not edit. -#}
{{ config(**slices('month')) }}

{{ cube(
    facts='slice_month_usage',
    leaves=None,
    period='month',
    keys=[],
    path=[],
    levels=[
        {'name': 'platform', 'depth': 0},
    ],
    dimension={'name': 'page', 'sql': 'page_url', 'values': []},
    measures=[
        {'name': 'active_members', 'sql': 'case when true then 1 else 0 end', 'is_units': True, 'parent': None},
        {'name': 'usage_events', 'sql': 'case when true then 1 else 0 end', 'is_units': False, 'parent': None},
    ],
    minimum_units=11,
    unit='member'
) }}
