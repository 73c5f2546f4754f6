{{ slice_rows(ref('int_link_clicks')) }}
