{#- Generated from pipelines/cubes by `make sync`; do not edit. -#}
{{ config(**slices('month')) }}

{{ cube(
    facts='slice_month_errors',
    leaves=None,
    period='month',
    keys=[],
    path=[],
    levels=[
        {'name': 'platform', 'depth': 0},
    ],
    dimension={'name': 'error_kind', 'sql': "level || ' ' || coalesce(exception_type, 'none')", 'values': []},
    measures=[
        {'name': 'errors', 'sql': 'case when true then 1 else 0 end', 'is_units': False, 'parent': None},
    ],
    minimum_units=11,
    unit='event'
) }}
