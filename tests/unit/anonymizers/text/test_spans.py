from itertools import pairwise

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from anonymizers.columns import encoded
from anonymizers.text.arrays import encoded_rows
from anonymizers.text.spans import rejoined, split_texts

_ROWS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=4), min_size=1, max_size=30)


@given(_ROWS)
def test_rows_of_numbers_are_one_if_and_only_if_they_are_equal(rows):
    values = np.array([value for row in rows for value in row])
    offsets = np.cumsum([0, *map(len, rows)])

    distinct, bounds, which = encoded_rows(values, offsets)

    read = [distinct[start:end].tolist() for start, end in pairwise(bounds)]
    assert [read[number] for number in which] == rows
    assert len(read) == len({tuple(row) for row in rows})


@given(st.lists(st.none() | st.text(max_size=3)))
def test_each_text_is_the_distinct_one_that_it_is_said_to_be(texts):
    distinct, numbers = encoded(pl.Series(texts, dtype=pl.String))

    assert distinct.gather(numbers).to_list() == texts
    assert distinct.n_unique() == len(distinct)


@given(st.lists(st.text(), min_size=1))
def test_spans_joined_are_the_texts(texts):
    spans = split_texts(pl.Series(texts, dtype=pl.String))

    assert rejoined(spans, spans.codes, spans.distinct).to_list() == texts
