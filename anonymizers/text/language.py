"""Detect the language of a text, among those that the platform serves, with lingua."""

from functools import cache
from typing import TYPE_CHECKING

import polars as pl

from anonymizers.columns import mapped

if TYPE_CHECKING:
    from lingua import LanguageDetector

# As lingua calls them.
_SERVED = ("ENGLISH", "GERMAN", "SPANISH", "PORTUGUESE", "FRENCH", "INDONESIAN", "MALAY", "HINDI")

# Below a dozen letters trigrams say little, and a wrong language is worse than none.
_FEWEST_LETTERS = 12
# Distance of the best from the second best; at 0.1 the detector abstains on 4 % of the SMS spam collection.
_MINIMUM_DISTANCE = 0.1
# The beginning is enough; a text of megabytes must not take minutes.
_READ_CHARACTERS = 500


def languages(texts: pl.Series) -> pl.Series:
    """Return the ISO 639-1 code of each of the n texts, in order; null where it is short or not clear."""
    read = texts.str.slice(0, _READ_CHARACTERS)
    is_long = read.str.count_matches(r"\p{L}") >= _FEWEST_LETTERS
    return mapped(pl.select(pl.when(is_long).then(read)).to_series(), _detected).rename(texts.name)


def _detected(texts: list[str]) -> list[str | None]:
    found = _detector().detect_languages_in_parallel_of(texts) if texts else ()
    return [None if language is None else language.iso_code_639_1.name.lower() for language in found]


@cache
def _detector() -> "LanguageDetector":
    # A hundred megabytes, and most files hold no text.
    from lingua import Language, LanguageDetectorBuilder

    return (
        LanguageDetectorBuilder.from_languages(*(getattr(Language, name) for name in _SERVED))
        .with_minimum_relative_distance(_MINIMUM_DISTANCE)
        .build()
    )
