{#- Generated from pipelines/cubes by `make sync`; do not edit. -#}
{{ config(**slices('send_date')) }}

{{ cube(
    facts='slice_messages',
    leaves='slice_leaves',
    period='send_date',
    keys=['workspace_id', 'campaign_ref'],
    path=['workspace_key', 'channel', 'message_category', 'template_key', 'campaign_key'],
    levels=[
        {'name': 'platform', 'depth': 0},
        {'name': 'workspace', 'depth': 1},
        {'name': 'channel', 'depth': 2},
        {'name': 'message_category', 'depth': 3},
        {'name': 'template', 'depth': 4},
        {'name': 'campaign', 'depth': 5},
    ],
    dimension=None,
    measures=[
        {'name': 'audience_contacts', 'sql': 'case when true then 1 else 0 end', 'is_units': True, 'parent': None},
        {'name': 'attempted_messages', 'sql': 'case when is_attempted then 1 else 0 end', 'is_units': False, 'parent': None},
        {'name': 'accepted_messages', 'sql': 'case when is_accepted then 1 else 0 end', 'is_units': False, 'parent': 'attempted_messages'},
        {'name': 'sent_messages', 'sql': 'case when is_sent then 1 else 0 end', 'is_units': False, 'parent': 'attempted_messages'},
        {'name': 'delivered_messages', 'sql': 'case when is_delivered then 1 else 0 end', 'is_units': False, 'parent': 'attempted_messages'},
        {'name': 'read_messages', 'sql': 'case when is_read then 1 else 0 end', 'is_units': False, 'parent': 'delivered_messages'},
        {'name': 'clicked_messages', 'sql': 'case when is_clicked then 1 else 0 end', 'is_units': False, 'parent': 'attempted_messages'},
        {'name': 'replied_72h_messages', 'sql': 'case when is_replied_72h then 1 else 0 end', 'is_units': False, 'parent': 'attempted_messages'},
        {'name': 'replied_24h_messages', 'sql': 'case when is_replied_24h then 1 else 0 end', 'is_units': False, 'parent': 'replied_72h_messages'},
        {'name': 'opted_out_messages', 'sql': 'case when is_opted_out then 1 else 0 end', 'is_units': False, 'parent': 'attempted_messages'},
        {'name': 'failed_messages', 'sql': 'case when is_failed then 1 else 0 end', 'is_units': False, 'parent': 'attempted_messages'},
        {'name': 'skipped_cap_messages', 'sql': "case when skip_reason = 'cap' then 1 else 0 end", 'is_units': False, 'parent': None},
        {'name': 'skipped_opt_out_messages', 'sql': "case when skip_reason = 'opt_out' then 1 else 0 end", 'is_units': False, 'parent': None},
        {'name': 'skipped_invalid_messages', 'sql': "case when skip_reason = 'invalid_number' then 1 else 0 end", 'is_units': False, 'parent': None},
        {'name': 'skipped_other_messages', 'sql': "case when skip_reason not in ('cap', 'opt_out', 'invalid_number') then 1 else 0 end", 'is_units': False, 'parent': None},
        {'name': 'segments', 'sql': 'coalesce(segments, 0)', 'is_units': False, 'parent': None},
    ],
    minimum_units=11,
    unit='contact'
) }}
