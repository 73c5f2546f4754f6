"""A hostile text is answered, so are its neighbours, and nothing personal stays in it."""

import re
from functools import cache

import pytest

from anonymizers.text.scrubber import REDACTED
from anonymizers.text.settings import load_settings
from bench.text_hostile import SECRETS, hostile_texts
from tests.support.scrubbers import scrubber_of

SCRUBBER = scrubber_of(load_settings())
TEXTS = dict(hostile_texts())
NEIGHBOURS = ("Hi Anna, your order is on its way", "sale today", "call 0171 5550199", "")


@cache
def alone(text: str) -> str:
    """The answer to one text, with nothing beside it."""
    return SCRUBBER.scrub([text])[0]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_hostile_text_is_answered_and_nothing_personal_stays_in_it(text):
    safe = alone(text)

    assert runs_of_digits(safe) < 3
    assert [secret for secret in (*SECRETS, "anna.canary", "canary", "5550142") if secret in safe] == []


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_the_neighbours_of_a_hostile_text_are_answered_as_they_are_alone(text):
    batch = [*NEIGHBOURS[:2], text, *NEIGHBOURS[2:]]

    answers = SCRUBBER.scrub(batch)

    assert answers == [alone(one) for one in batch]


def test_all_of_them_together_are_answered_as_they_are_alone():
    batch = list(TEXTS.values())

    assert SCRUBBER.scrub(batch) == [alone(text) for text in batch]


def test_a_hostile_text_that_is_not_too_long_is_read():
    redacted = {name for name, text in TEXTS.items() if alone(text) == REDACTED}

    assert {name for name in redacted if len(TEXTS[name]) < 100} == {"half of a pair"}
    assert len(redacted) < len(TEXTS)


def runs_of_digits(text):
    """How many digits stand in a row at most, but for escapes of the percent sign."""
    return max((len(run) for run in re.findall(r"\d+", re.sub("%(?:25)+", "%", text))), default=0)
