{{ slice_rows(ref('int_outbox_messages')) }}
