import numpy as np
import polars as pl
import pytest

from anonymizers.text.counting_scrubber import CountingScrubber
from anonymizers.text.scrubber import REDACTED, scrubbed
from anonymizers.text.settings import load_settings
from tests.support.scrubbers import scrubber_of


class Counted:
    """Releases some words and notes which it was asked about."""

    def __init__(self, *words: str) -> None:
        self.words = list(words)
        self.asked: list[str] = []

    def released(self, words):
        self.asked += words.to_list()
        return words.is_in(self.words).to_numpy()


@pytest.fixture(scope="module")
def scrubber():
    return scrubber_of(load_settings())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("your zorblig sale is on now", "your zorblig sale is on now"),
        ("try our zorblig, it is good", "try our zorblig, it is good"),
        ("we like (zorblig)!", "we like (zorblig)!"),
        ("spring_zorblig_sale", "spring_zorblig_sale"),
        ("we like zorblig \N{PARTY POPPER}", "we like zorblig \N{PARTY POPPER}"),
        ("der zorblig ist heute da", "der zorblig ist heute da"),
        ("our zorblig with frobnikz are here", "our zorblig with <WORD> are here"),
        ("our zorblig frobnikz is here now", "our zorblig <WORD> is here now"),
        ("our frobnikz zorblig is here now", "our <WORD> zorblig is here now"),
        # The same word where it could be something else.
        ("our zorblig is here but not Zorblig", "our zorblig is here but not <NAME>"),
        ("for mrs zorblig with our zorblig", "for mrs <WORD> with our zorblig"),
        ("our zorblig-shop is open now", "our <WORD>-shop is open now"),
        ("zorblig", "<WORD>"),
    ],
)
def test_a_counted_word_stays_where_nothing_else_is_against_it(scrubber, text, expected):
    answers, _ = scrubber.scrub_counted([text], counted=Counted("zorblig"))

    assert answers == [expected]


def test_without_counts_nothing_more_stays_and_words_are_found_all_the_same(scrubber):
    text = "your zorblig sale is on now"

    answers, words = scrubber.scrub_counted([text])

    assert answers == scrubber.scrub([text]) == ["your <WORD> sale is on now"]
    assert words.rows() == [(text, "zorblig")]


def test_each_word_is_asked_about_once_and_a_common_one_never(scrubber):
    counted = Counted()

    scrubber.scrub_counted(["our zorblig with frobnikz", "the zorblig is here"] * 20, counted=counted)

    assert sorted(counted.asked) == ["frobnikz", "zorblig"]


def test_a_word_that_is_released_is_still_counted(scrubber):
    _, words = scrubber.scrub_counted(["your zorblig is here now"], counted=Counted("zorblig"))

    assert words["word"].to_list() == ["zorblig"]


def test_uses_are_workspaces_and_words_once_each(scrubber):
    counting = CountingScrubber(scrubber, Counted())
    texts = pl.Series(["our zorblig", "our zorblig", "a zorblig with frobnikz", None, "our zorblig"])
    workspaces = pl.Series(["a", "a", "a", "a", "b"])

    scrubbed(texts, scrubber=counting)

    uses = counting.uses(texts, workspaces=workspaces)
    assert sorted(uses.rows()) == [("a", "frobnikz"), ("a", "zorblig"), ("b", "zorblig")]


def test_what_is_forgotten_is_not_used(scrubber):
    counting = CountingScrubber(scrubber, Counted())
    texts = pl.Series(["our zorblig"])
    scrubbed(texts, scrubber=counting)

    counting.forget()

    assert counting.uses(texts, workspaces=pl.Series(["a"])).is_empty()


@pytest.mark.parametrize("broken", [RuntimeError("zorblig"), np.array([True, True])])
def test_where_the_counts_break_nothing_stays(scrubber, broken):
    class Broken:
        def released(self, words):
            if isinstance(broken, Exception):
                raise broken
            return broken

    texts = pl.Series(["our zorblig is here"])

    assert scrubbed(texts, scrubber=CountingScrubber(scrubber, Broken())).to_list() == [REDACTED]


def test_redacted_texts_give_nothing_to_count(scrubber):
    _, words = scrubber.scrub_counted(["our zorblig is here " * 1000, "\ud800 zorblig is here"])

    assert words.is_empty()
