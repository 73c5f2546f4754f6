{{ messages(slice_sources(), slice_from('all'), slice_to('all')) }}
