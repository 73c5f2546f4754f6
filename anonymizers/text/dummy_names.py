"""Tell which words a dummy name may replace because the release rule masks either where they stand."""

import re
from dataclasses import dataclass

import numpy as np
import polars as pl

from anonymizers.text.arrays import Bools, Floats
from anonymizers.text.dummies import NAME, Replacements
from anonymizers.text.lexicon import Lexicon, bare, positions
from anonymizers.text.settings import TextSettings
from anonymizers.text.word_facts import is_in

OPENING = r"[¡¿(\"']?"
_CLOSING = r"[)\"'!?.,;:]{0,3}"
_CASED = r"\p{Lu}\p{Ll}+(?:-\p{Lu}\p{Ll}+)?|\p{Lu}+(?:-\p{Lu}+)?|\p{Ll}+(?:-\p{Ll}+)?"
_WORD = rf"^({OPENING})({_CASED})({_CLOSING})$"


@dataclass(frozen=True, slots=True)
class Names:
    """Tell which of m distinct words a dummy name may replace, and where.

    Attributes:
        spelt: The words in usual spelling, each with the name and the signs around the word.
        shouted: The words in capitals throughout, with the name in capitals.
        always: Whether each of the m is masked in every language, wherever it stands.
        greeted: Whether it is masked after a greeting.
        within: Whether it is masked within a sentence.
        surname: Whether it is masked after the name of somebody who is greeted.
        called: Whether it is masked at the beginning of a text, before a comma.
        after_name: Whether it is masked after a name.
        before_name: Whether it is masked before a name.
    """

    spelt: Replacements
    shouted: Replacements
    always: Bools
    greeted: Bools
    within: Bools
    surname: Bools
    called: Bools
    after_name: Bools
    before_name: Bools


class NameFinder:
    """Find words that are masked as names, by a lexicon and the thresholds of the release rule."""

    def __init__(self, lexicon: Lexicon, settings: TextSettings) -> None:
        self._lexicon = lexicon
        self._settings = settings.release_rule
        self._parts = pl.col("text").str.extract_groups(_WORD)
        half = pl.col("half")
        lower, upper = half.str.to_lowercase(), half.str.to_uppercase()
        self._halves = {
            "lower": lower,
            "bare": bare(half),
            "has_meaning": is_in(lower, _with_meaning(settings)),
            # One capital: words in capitals throughout may be shouted.
            "capital": (half != lower) & (half != upper),
        }

    def names(self, distinct: pl.Series, has_digits: pl.Series) -> Names:
        """Decide about each of m distinct words, by halves as of `Anna-Lena`; one with digits is no name."""
        s = self._settings
        word = pl.col("word")
        frame = distinct.to_frame("text").with_row_index("of").filter(~has_digits)
        words = frame.select_seq("of", self._parts).unnest("text")
        words.columns = ["of", "opening", "word", "closing"]
        is_plain = word == word.str.normalize("NFKC")
        words = words.filter(is_plain, word.str.len_chars().is_between(2, s.longest_word))
        halves = words.select_seq("of", half=word.str.split("-")).explode("half")
        halves = halves.select_seq("of", **self._halves)
        of, capital = halves["of"].to_numpy(), halves["capital"].to_numpy()
        has_meaning = halves["has_meaning"].to_numpy()

        known = positions(self._lexicon.bare, halves["bare"])
        is_known = known >= 0
        is_name = is_known & (self._lexicon.name_lists[known] > 0)
        is_place = is_known & self._lexicon.is_place[known]
        is_country = is_known & self._lexicon.is_country[known]
        common = self._common(halves["lower"])
        is_rare = common < np.where(capital, s.common_though_a_name_first, s.common_though_a_name)
        may_be_one = is_known & (common < s.common_though_a_name_within)
        is_written_as_one = capital & may_be_one

        def throughout(holds: Bools) -> Bools:
            all_do = np.zeros(len(distinct), dtype=bool)
            all_do[of] = True
            all_do[of[~holds | has_meaning]] = False
            return all_do

        return Names(
            spelt=_spelt(words, NAME.title()),
            shouted=_spelt(words.filter(word == word.str.to_uppercase()), NAME.upper()),
            always=throughout((is_name & is_rare | capital & ~is_place & (common < s.common)) & ~is_country),
            greeted=throughout(capital | may_be_one),
            within=throughout(is_written_as_one),
            surname=throughout(is_name & may_be_one),
            called=throughout(is_written_as_one | is_name & (common < s.common_though_a_name_first)),
            after_name=throughout(capital),
            before_name=throughout(capital & (may_be_one | (common < s.common_beside_a_name))),
        )

    def _common(self, words: pl.Series) -> Floats:
        """Return how common each word, in lower case, is in the language in which it is most common."""
        known = positions(self._lexicon.words, words)
        return np.where(known >= 0, self._lexicon.zipf[known].max(axis=1), np.float32(0))


def _with_meaning(s: TextSettings) -> frozenset[str]:
    """Return words that mean something to the release rule or to a recognizer."""
    patterns = (pattern.regex for one in s.recognizers for pattern in one.patterns or ())
    # Of `mosques?` both words.
    spelt = (f"{pattern} {re.sub(r'.[?]', '', pattern)}".lower() for pattern in patterns)
    literals = (re.findall(r"[^\W\d_]{3,}", pattern) for pattern in spelt)
    return s.no_names.union(
        s.brands, s.greetings, s.titles, s.after_greetings, s.streets, s.particles, s.number_words, *literals
    )


def _spelt(words: pl.DataFrame, name: str) -> Replacements:
    spelt = words.select(pl.concat_str("opening", pl.lit(name), "closing").alias("spelt"))["spelt"]
    return Replacements(words["of"].to_numpy(), spelt)
