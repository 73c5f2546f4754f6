{#- Twilio's status in the vocabulary shared by all providers. -#}
{% macro twilio_status(column) -%}
    case
        when {{ column }} in ('accepted', 'scheduled', 'queued', 'sending') then 'accepted'
        when {{ column }} in ('sent', 'delivered', 'read') then {{ column }}
        -- Some of its segments did not arrive, or some of its recipients.
        when {{ column }} = 'partially_delivered' then 'sent'
        when {{ column }} in ('failed', 'undelivered', 'canceled') then 'failed'
        else 'other'
    end
{%- endmacro %}
