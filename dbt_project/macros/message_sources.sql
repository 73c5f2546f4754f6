{#- What messages are made from, of all days in the store. -#}
{% macro stored_sources() -%}
    {{ return({
        'outbox': ref('int_outbox_messages'),
        'events': ref('int_message_events_unioned'),
        'inbound': ref('int_inbound_messages_unioned'),
        'opt_outs': ref('int_opt_outs_unioned'),
        'clicks': ref('int_link_clicks'),
    }) }}
{%- endmacro %}

{#- The same of the days a slice needs, read once and held in memory. -#}
{% macro slice_sources() -%}
    {{ return({
        'outbox': ref('slice_outbox'),
        'events': ref('slice_events'),
        'inbound': ref('slice_inbound'),
        'opt_outs': ref('slice_opt_outs'),
        'clicks': ref('slice_link_clicks'),
    }) }}
{%- endmacro %}
