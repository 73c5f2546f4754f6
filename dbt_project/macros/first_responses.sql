{#-
    Conversations that contacts began, with the workspace's first message to them within 24 hours: an accepted one
    of no campaign, or one written in the app on a phone.

    Args:
        conversations: Relation with `workspace_id`, `contact_token` and `occurred_at`, one row per conversation.
        outbox, events: Relations as for `messages`.
-#}
{% macro first_responses(conversations, outbox, events) %}
with answers as (

    select
        workspace_id,
        contact_token,
        queued_at as answered_at
    from {{ outbox }}
    where outcome = 'accepted' and campaign_id is null
    union all
    select
        workspace_id,
        contact_token,
        occurred_at as answered_at
    from {{ events }}
    where
        is_start
        and (workspace_id, message_token) not in (select (workspace_id, message_token) from {{ outbox }})

)

select
    conversations.*,
    min(answers.answered_at) as answered_at
from {{ conversations }} as conversations
left join answers
    on
        conversations.workspace_id = answers.workspace_id
        and conversations.contact_token = answers.contact_token
        and answers.answered_at > conversations.occurred_at
        and answers.answered_at < conversations.occurred_at + interval '24' hour
group by all
{% endmacro %}


{#- Whether a contact wrote nothing in the 24 hours before: the message begins a conversation. -#}
{% macro is_first_in_24h() -%}
    coalesce(
            occurred_at - lag(occurred_at) over (
                partition by workspace_id, contact_token
                order by occurred_at, event_id
            ) >= interval '24' hour,
            true
        )
{%- endmacro %}
