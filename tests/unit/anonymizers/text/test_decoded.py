import base64
from urllib.parse import quote

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymizers.text.decoded import decode, may_be_encoded


@pytest.mark.parametrize(
    ("written", "as_read"),
    [
        ("plain words", "plain words"),
        ("a%20b", "a b"),
        ("J%C3%B6rg", "Jörg"),
        ("%2541da", "Ada"),
        ("a&#64;b &amp; c", "a@b & c"),
        (r"\u0041da \"x\"", 'Ada "x"'),
        (r"\ud83d\ude00", "\U0001f600"),
        ("am9obkBleGFtcGxlLmNvbQ==", "john@example.com"),
        ("Ａｄａ １２", "Ada 12"),
        ("A\u200bd\u00ada", "Ada"),
        ("e\u0301te\u0301", "été"),
        ("A<b>nn</b>a <br> 10 < 20 > 5", "Anna <br> 10 < 20 > 5"),
        ("\u2776\u2464\u00b2", "152"),
        ("\u3021\u3025\u3007", "150"),
        ("ro<!-- x -->se", "rose"),
        # Signs in place of letters are no word; one flag is a flag.
        ("\U0001f17c\U0001f170\U0001f181\U0001f17a paid", "\u01c2\u01c2\u01c2\u01c2 paid"),
        ("\u280d\u2801\u2817\u2805 paid", "\u01c2\u01c2\u01c2\u01c2 paid"),
        ("m\u2060a\u2060r\u2060k paid", "\u01c2" * 7 + " paid"),
        ("\U0001f1e9\U0001f1ea Sale", "\U0001f1e9\U0001f1ea Sale"),
        ("Text With Words iPhone 1500", "Text With Words iPhone 1500"),
    ],
)
def test_a_decoded_text_is_what_a_person_would_read(written, as_read):
    assert decode(written).text == as_read
    assert bool(may_be_encoded(pl.Series([written]))[0]) or written == as_read


@given(st.text(max_size=40))
def test_every_decoded_character_has_its_place_in_the_original(text):
    decoded = decode(text)

    assert len(decoded.text) == len(decoded.starts) == len(decoded.ends)
    assert all(0 <= start < end <= len(text) for start, end in zip(decoded.starts, decoded.ends, strict=True))


@given(st.text(min_size=1, max_size=20), st.sampled_from(["percent", "json", "base64 of percent"]))
def test_an_encoded_text_is_never_taken_for_plain(text, how):
    written = {
        "percent": lambda: quote(text, safe=""),
        "json": lambda: "".join(f"\\u{ord(c):04x}" for c in text if ord(c) < 0xD800),
        "base64 of percent": lambda: base64.b64encode(quote(text, safe="").encode()).decode(),
    }[how]()

    assert may_be_encoded(pl.Series([written]))[0] or decode(written).text == written


def test_a_decoded_part_comes_from_all_that_it_was_encoded_as():
    written = "Hi %41nna!"

    parts = [decode(written).original_range(*part) for part in ((3, 7), (0, 2))]

    assert [written[start:end] for start, end in parts] == ["%41nna", "Hi"]
