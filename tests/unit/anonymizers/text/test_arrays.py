from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from anonymizers.text.arrays import encoded_rows

_ROWS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=4), min_size=1, max_size=30)


@given(_ROWS)
def test_rows_of_numbers_are_one_if_and_only_if_they_are_equal(rows):
    values = np.array([value for row in rows for value in row])
    offsets = np.cumsum([0, *map(len, rows)])

    distinct, bounds, which = encoded_rows(values, offsets)

    read = [distinct[start:end].tolist() for start, end in pairwise(bounds)]
    assert [read[number] for number in which] == rows
    assert len(read) == len({tuple(row) for row in rows})
