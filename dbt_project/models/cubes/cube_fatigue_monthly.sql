{#- Generated from pipelines/cubes by `make sync`; do not edit. -#}
{{ config(**slices('month')) }}

{{ cube(
    facts='slice_month_contacts',
    leaves='slice_month_leaves',
    period='month',
    keys=['workspace_id'],
    path=['workspace_key'],
    levels=[
        {'name': 'platform', 'depth': 0},
        {'name': 'workspace', 'depth': 1},
    ],
    dimension={'name': 'messages_bin', 'sql': 'messages_bin', 'values': ['1', '2', '3-4', '5-8', '9-16', '17+']},
    measures=[
        {'name': 'reached_contacts', 'sql': 'case when attempted_messages > 0 then 1 else 0 end', 'is_units': True, 'parent': None},
        {'name': 'reading_contacts', 'sql': 'case when read_messages > 0 then 1 else 0 end', 'is_units': True, 'parent': 'reached_contacts'},
        {'name': 'replying_contacts', 'sql': 'case when replied_messages > 0 then 1 else 0 end', 'is_units': True, 'parent': 'reached_contacts'},
        {'name': 'opted_out_contacts', 'sql': 'case when opted_out_messages > 0 then 1 else 0 end', 'is_units': True, 'parent': 'reached_contacts'},
    ],
    minimum_units=11,
    unit='contact'
) }}
