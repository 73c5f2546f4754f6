"""Words that no list has are known by their parts, unless a name is among them."""

import time

import numpy as np
import polars as pl
import pytest

from anonymizers.text.lexicon import Lexicon
from anonymizers.text.settings import load_settings
from anonymizers.text.word_parts import WordParts
from tests.support.scrubbers import words_of

SETTINGS = load_settings()
LEXICON = Lexicon.of(words_of(SETTINGS))
PARTS = WordParts(LEXICON, SETTINGS)


def languages_of(word):
    zipf = np.zeros((1, len(LEXICON.languages)), dtype=np.float32)
    PARTS.put(pl.Series([word]), np.array([0]), zipf)
    return {language for language, common in zip(LEXICON.languages, zipf[0], strict=True) if common}


@pytest.mark.parametrize(
    ("word", "language"),
    [
        ("zahlungserinnerung", "de"),
        ("terminbestätigung", "de"),
        ("osterangebote", "de"),
        ("reactivation", "en"),
        ("reativação", "pt"),
        ("fidelización", "es"),
    ],
)
def test_a_word_of_known_parts_is_a_word_of_its_language(word, language):
    assert language in languages_of(word)


@pytest.mark.parametrize(
    "word",
    ["annageburtstag", "müllertermin", "lisabestellung", "lindenberger", "neudorfer", "xqvartlung7", "kurz"],
)
def test_a_word_with_a_name_in_it_and_the_name_of_a_place_are_not(word):
    assert languages_of(word) == set()


def test_a_long_word_takes_no_time():
    started = time.process_time()

    languages_of("tag" * 3_000)

    assert time.process_time() - started < 0.1
