import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from anonymizers.text.spans import rejoined, split_texts


@given(st.lists(st.text(), min_size=1))
def test_spans_joined_are_the_texts(texts):
    spans = split_texts(pl.Series(texts, dtype=pl.String))

    assert rejoined(spans, spans.codes, spans.distinct).to_list() == texts
