{{ slice_rows(ref('int_message_events_unioned')) }}
