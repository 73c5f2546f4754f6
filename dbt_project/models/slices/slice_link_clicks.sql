{{ slice_rows(ref('stg_app__link_clicks')) }}
