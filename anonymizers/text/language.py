"""The language of a text, among those that the platform serves."""

from functools import cache
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from lingua import LanguageDetector

# As lingua calls them.
_SERVED = ("ENGLISH", "GERMAN", "SPANISH", "PORTUGUESE", "FRENCH", "INDONESIAN", "MALAY", "HINDI")

# Below a dozen letters trigrams say little, and a wrong language is worse than none.
_FEWEST_LETTERS = 12
# Distance of the best from the second best; at 0.1 the detector abstains on 4 % of the SMS spam collection.
_MINIMUM_DISTANCE = 0.1
# The beginning tells; a text of megabytes must not cost minutes.
_READ_CHARACTERS = 500


def languages(texts: pl.Series) -> pl.Series:
    """ISO 639-1 code of each text's language, in order; null where it is short or not clear."""
    read = texts.str.slice(0, _READ_CHARACTERS)
    long_enough = read.str.count_matches(r"\p{L}") >= _FEWEST_LETTERS
    distinct = read.filter(long_enough).unique()
    frame = texts.to_frame("text").with_columns(read.alias("read"))
    if not distinct.len():
        return pl.repeat(None, texts.len(), dtype=pl.String, eager=True)
    found = _detector().detect_languages_in_parallel_of(distinct.to_list())
    codes = [None if language is None else language.iso_code_639_1.name.lower() for language in found]
    known = pl.DataFrame({"read": distinct, "code": pl.Series(codes, dtype=pl.String)})
    return frame.join(known, on="read", how="left", maintain_order="left")["code"].rename(texts.name)


@cache
def _detector() -> "LanguageDetector":
    # A hundred megabytes, and most files hold no text.
    from lingua import Language, LanguageDetectorBuilder

    return (
        LanguageDetectorBuilder.from_languages(*(getattr(Language, name) for name in _SERVED))
        .with_minimum_relative_distance(_MINIMUM_DISTANCE)
        .build()
    )
