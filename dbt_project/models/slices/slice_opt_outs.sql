{{ slice_rows(ref('int_opt_outs_unioned')) }}
