import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from anonymizers.columns import encoded, filled, mapped


@given(st.lists(st.none() | st.text(max_size=3)))
def test_each_text_is_the_distinct_one_that_it_is_said_to_be(texts):
    distinct, numbers = encoded(pl.Series(texts, dtype=pl.String))

    assert distinct.gather(numbers).to_list() == texts
    assert distinct.n_unique() == len(distinct)


def test_a_function_takes_each_distinct_text_once_and_rows_keep_their_places():
    asked = []

    def lengths(texts):
        asked.append(texts)
        return map(len, texts)

    found = mapped(pl.Series(["bb", None, "a", "bb"]), lengths, dtype=pl.Int64)

    assert (found.to_list(), asked) == ([2, None, 1, 2], [["bb", "a"]])


def test_only_what_is_not_known_is_filled():
    known, texts = pl.Series(["A", None, None]), pl.Series(["a", "b", None])

    assert filled(known, texts, str.upper).to_list() == ["A", "B", None]
    assert known.to_list() == ["A", None, None]
