{{ slice_rows(ref('int_inbound_messages_unioned')) }}
