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
    dimension={'name': 'first_contact_quarter', 'sql': 'first_contact_quarter', 'values': []},
    measures=[
        {'name': 'reached_contacts', 'sql': 'case when is_attempted then 1 else 0 end', 'is_units': True, 'parent': None},
        {'name': 'attempted_messages', 'sql': 'case when is_attempted then 1 else 0 end', 'is_units': False, 'parent': None},
        {'name': 'delivered_messages', 'sql': 'case when is_delivered then 1 else 0 end', 'is_units': False, 'parent': 'attempted_messages'},
        {'name': 'read_messages', 'sql': 'case when is_read then 1 else 0 end', 'is_units': False, 'parent': 'delivered_messages'},
        {'name': 'clicked_messages', 'sql': 'case when is_clicked then 1 else 0 end', 'is_units': False, 'parent': 'attempted_messages'},
        {'name': 'replied_72h_messages', 'sql': 'case when is_replied_72h then 1 else 0 end', 'is_units': False, 'parent': 'attempted_messages'},
        {'name': 'opted_out_messages', 'sql': 'case when is_opted_out then 1 else 0 end', 'is_units': False, 'parent': 'attempted_messages'},
        {'name': 'failed_messages', 'sql': 'case when is_failed then 1 else 0 end', 'is_units': False, 'parent': 'attempted_messages'},
    ],
    minimum_units=11,
    unit='contact'
) }}
