{{ config(materialized='facts_in_parts') }}

{{ messages(slice_sources(), slice_from('all'), slice_to('all')) }}
