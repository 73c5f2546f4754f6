{#-
    Condition: a click was no person's. Messengers fetch a link to show a preview, and scanners follow it: their
    agents say so, or they come within seconds of sending or of delivery, before anybody can have read the message.
-#}
{% macro is_automatic_click(clicks, queued_at, delivered_at) -%}
    coalesce(
            {{ clicks }}.user_agent_device = 'bot'
            or {{ clicks }}.clicked_at between {{ queued_at }} and {{ queued_at }} + interval '5' second
            or {{ clicks }}.clicked_at between {{ delivered_at }} and {{ delivered_at }} + interval '5' second,
            false
        )
{%- endmacro %}
