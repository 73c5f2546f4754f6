"""Scrubbers whose word lists were read once: reading them takes two seconds of a processor."""

import polars as pl

from anonymizers.text.releasing_scrubber import ReleasingScrubber
from anonymizers.text.settings import TextSettings
from pipelines.declarations.word_lists import kept_words, made_of

_READ: dict[bytes, pl.DataFrame] = {}


def words_of(settings: TextSettings) -> pl.DataFrame:
    """The table of `known_words`, which tests only look at."""
    lists = made_of(settings)
    if lists not in _READ:
        _READ[lists] = kept_words(settings)
    return _READ[lists]


def scrubber_of(settings: TextSettings) -> ReleasingScrubber:
    return ReleasingScrubber(settings, words=words_of)
