{#- Generated from pipelines/cubes by `make sync`; do not edit. -#}
{{ config(**slices('send_date')) }}

{{ cube(
    facts='slice_clicks',
    leaves='slice_leaves',
    period='send_date',
    keys=['workspace_id', 'campaign_ref'],
    path=['workspace_key', 'channel', 'message_category', 'template_key', 'campaign_key'],
    levels=[
        {'name': 'workspace', 'depth': 1},
        {'name': 'campaign', 'depth': 5},
    ],
    dimension={'name': 'link_key', 'sql': 'link_key', 'values': []},
    measures=[
        {'name': 'clicking_contacts', 'sql': 'case when true then 1 else 0 end', 'is_units': True, 'parent': None},
        {'name': 'clicks', 'sql': 'case when true then 1 else 0 end', 'is_units': False, 'parent': None},
    ],
    minimum_units=11,
    unit='contact'
) }}
