{{ last_clicks(slice_sources(), '(' ~ slice_rows(ref('int_conversions')) ~ ')') }}
