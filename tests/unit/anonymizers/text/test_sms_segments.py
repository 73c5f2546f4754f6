import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anonymizers.text.sms_segments import GSM7_BASIC, GSM7_EXTENSION, segment_counts


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("a", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        # 153 is odd, so the last place of a segment is wasted: 76 euro signs each.
        ("€" * 152, 2),
        ("€" * 153, 3),
        ("ы" * 70, 1),
        ("ы" * 71, 2),
        ("ы" * 134, 2),
        ("ы" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("😀" * 66, 2),
        ("😀" * 67, 3),
        ("ç", 1),
        ("a" * 70 + "ç", 2),
        (None, None),
    ],
)
def test_segments_of_a_text(text, count):
    assert segment_counts(pl.Series([text], dtype=pl.String)).to_list() == [count]


def test_the_default_alphabet_is_complete():
    assert len(set(GSM7_BASIC)) == 127  # and the escape character
    assert len(set(GSM7_EXTENSION)) == 10


def _by_hand(text: str) -> int:
    """Fill segments character by character."""
    gsm7 = all(c in GSM7_BASIC + GSM7_EXTENSION for c in text)
    sizes = [2 if (c in GSM7_EXTENSION if gsm7 else ord(c) > 0xFFFF) else 1 for c in text]
    single, part = (160, 153) if gsm7 else (70, 67)
    if sum(sizes) <= single:
        return min(1, len(text))
    filled = [0]
    for size in sizes:
        if filled[-1] + size > part:
            filled.append(0)
        filled[-1] += size
    return len(filled)


_CHARACTERS = st.sampled_from("ab€^\n~é") | st.sampled_from("ы😀ab€")


@given(st.lists(st.text(_CHARACTERS, max_size=8).flatmap(lambda t: st.integers(1, 60).map(lambda n: t * n))))
@example(["a" * 152 + "€" + "a" * 152])
def test_the_column_agrees_with_counting_by_hand(texts):
    assert segment_counts(pl.Series(texts, dtype=pl.String)).to_list() == [_by_hand(text) for text in texts]
