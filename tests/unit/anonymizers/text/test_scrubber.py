import polars as pl
import pytest

from anonymizers.text.scrubber import REDACTED, scrubbed


class Counting:
    """Remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def scrub(self, texts):
        self.asked += texts
        return [f"<{text}>" for text in texts]


def test_each_distinct_text_is_scrubbed_once_and_rows_keep_their_places():
    scrubber = Counting()

    found = scrubbed(pl.Series(["a", None, "b", "a"]), scrubber=scrubber)

    assert found.to_list() == ["<a>", None, "<b>", "<a>"]
    assert sorted(scrubber.asked) == ["a", "b"]


def test_nothing_is_asked_of_a_column_of_nulls():
    scrubber = Counting()

    assert scrubbed(pl.Series([None, None], dtype=pl.String), scrubber=scrubber).to_list() == [None, None]
    assert scrubber.asked == []


class Raises:
    def scrub(self, texts):
        raise RuntimeError("no model")


class TooFew:
    def scrub(self, texts):
        return texts[1:]


class NotText:
    def scrub(self, texts):
        return [None for _ in texts]


class NothingAtAll:
    def scrub(self, texts):
        return None


@pytest.mark.parametrize("broken", [Raises(), TooFew(), NotText(), NothingAtAll()])
def test_a_scrubber_that_does_not_answer_for_every_text_clears_none(broken):
    assert scrubbed(pl.Series(["a", "b"]), scrubber=broken).to_list() == [REDACTED, REDACTED]
