-- Each stage of the funnel holds at most the messages of the stage before.
select 1 as wider
from {{ ref('mart_campaign_daily') }}
where
    attempted_messages < accepted_messages
    or accepted_messages < sent_messages
    or sent_messages < delivered_messages
    or delivered_messages < read_messages
    or replied_72h_messages < replied_24h_messages
    or attempted_messages < delivered_messages + failed_messages
    or attempted_messages < clicked_messages
    or attempted_messages < replied_72h_messages
    or attempted_messages < opted_out_messages
