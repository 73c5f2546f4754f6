"""Replace texts that are masked alike by one canonical text, so that each is scrubbed once.

A million sends of a campaign are a few hundred texts with names, numbers, dates and links merged in. What is
merged in gives way to dummies that the release rule or a recognizer is known to mask, so that there are about
as many canonical texts as templates. If a dummy is left in a scrubbed canonical text, the texts that it
stands for must be scrubbed one by one.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from anonymizers.columns import encoded
from anonymizers.text import dummies
from anonymizers.text.arrays import Bools, Ints, encoded_parts, encoded_rows, following, joined, previous
from anonymizers.text.dummies import NAME, Phrases, reshaped
from anonymizers.text.dummy_names import OPENING, NameFinder, Names
from anonymizers.text.lexicon import Lexicon
from anonymizers.text.release_rule import LOUD, PARTICLES, SURNAMES, TITLE_WORDS
from anonymizers.text.settings import TextSettings
from anonymizers.text.word_facts import BEFORE_ENDING, is_in
from anonymizers.text.word_sequence import LONGEST_ENDING

# How far names reach: two more words on either side of `Ana Maria`.
_NEIGHBOURS = 2
_ENDING = rf"(?:{'|'.join(map(re.escape, sorted(BEFORE_ENDING)))})\p{{Ll}}{{1,{LONGEST_ENDING}}}\)?$"
# What a name may stand before and after: words, and what is in brackets. With a number it may be an address.
_BEGINS_PLAIN = r"^(?:[¡¿\"']?\p{L}|[(<\[+]|$)"
_ENDS_PLAIN = r"(?:\p{L}[\"'!?.,;:]{0,3}|[)>\]][\"'!?.,;:]{0,3}|^)$"


@dataclass(frozen=True, slots=True)
class CanonicalTexts:
    """Hold the canonical texts of n texts.

    Attributes:
        distinct: The canonical texts, each once.
        codes: Index of the canonical text of each of the n texts.
        is_changed: Whether each of the n texts differs from its canonical text.
    """

    distinct: pl.Series
    codes: Ints
    is_changed: Bools


class Canonicalizer:
    """Find canonical texts by what the lexicon and `text.yml` know of words."""

    def __init__(self, lexicon: Lexicon, settings: TextSettings) -> None:
        self._names = NameFinder(lexicon, settings)
        self._phrases = Phrases(settings.recognizers)
        word, bare_word = pl.col("word"), pl.col("bare_word")
        self._bare_word = word.str.strip_chars(r"¡¿(\"'").str.to_lowercase().str.replace(_ENDING, "")
        self._facts = {
            "has_digits": word.str.contains(r"\p{N}"),
            "has_letters": word.str.contains(r"\p{L}"),
            "has_capital": word.str.contains(rf"^{OPENING}\p{{Lu}}"),
            "begins_plain": word.str.contains(_BEGINS_PLAIN),
            "ends_plain": word.str.contains(_ENDS_PLAIN),
            "is_open": word.str.contains(r"\p{L}$"),
            "ends_in_comma": word.str.ends_with(","),
            "greets": is_in(bare_word, settings.greetings),
            "begins_greeting": is_in(bare_word, settings.greetings_begin),
            "ends_greeting": is_in(bare_word, settings.greetings_end),
            "capitals": word.str.count_matches(r"\p{Lu}{2,}").clip(0, LOUD).cast(pl.UInt8),
            "may_have_shape": word.str.contains_any(dummies.SIGNS),
        }
        # A name or two side by side, be it with particles (`da Silva e Souza`): one mask in either case. Both
        # are made two, not one: with fewer words that it does not know, a text of no known language would
        # seem to be in one.
        particles = "|".join(sorted(settings.particles))
        another = rf" (?i:(?:(?:{particles}) ){{0,{PARTICLES}}}{NAME})"
        self._names_in_row = rf"({NAME.title()}|{NAME.upper()})(?:{another})?"

    def canonical(self, texts: pl.Series) -> CanonicalTexts:
        """Return the canonical texts of n texts (n > 0); a text with nothing to replace is its own."""
        with_phrases = self._phrases.replaced(texts)
        lists = with_phrases.str.split(" ")
        distinct, code = encoded_parts(lists)
        offsets = np.concatenate([[0], np.cumsum(lists.list.len().to_numpy().astype(np.int64))])
        words, replaced = self._replaced(distinct, code, offsets)
        differs = np.logical_or.reduceat(replaced != code, offsets[:-1])
        rows, ends, row = encoded_rows(replaced, offsets)
        known, number = encoded(
            joined(words, rows, ends, by=" ").str.replace_all(self._names_in_row, "${1} ${1}")
        )
        return CanonicalTexts(known, number.to_numpy()[row], (with_phrases != texts).to_numpy() | differs)

    def _replaced(self, distinct: pl.Series, code: Ints, offsets: Ints) -> tuple[pl.Series, Ints]:
        """Return the m distinct words with replacements added, and the index of one for each of p places."""
        facts = (
            distinct.to_frame("word").with_columns_seq(bare_word=self._bare_word).select_seq(**self._facts)
        )
        places = _Places(code, offsets, facts)
        names = self._names.names(distinct, facts["has_digits"])
        # What may be a title is left alone: there, the rule keeps words and numbers that it masks elsewhere.
        count, capital = (
            np.add.reduceat(places.fact(fact), offsets[:-1], dtype=np.int64)
            for fact in ("has_letters", "has_capital")
        )
        is_title = np.repeat((count <= TITLE_WORDS) & (2 * capital >= count), np.diff(offsets))
        is_name = _is_name(places, names) & ~is_title
        # Whether words in capitals say something depends on how many there are.
        capitals = np.add.reduceat(places.fact("capitals"), offsets[:-1], dtype=np.int64)
        is_loud = np.repeat(capitals >= LOUD, np.diff(offsets))
        is_number = places.fact("has_digits")
        is_alone = ~(places.before(is_number) | places.after(is_number) | is_title)
        words, replaced = distinct, code.copy()
        for replacements, at in (
            (names.spelt, is_name),
            (names.shouted, is_name & is_loud),
            (reshaped(distinct, facts["has_digits"], dummies.NUMBERS), is_alone),
            (reshaped(distinct, facts["may_have_shape"], dummies.SHAPES), True),
        ):
            known, number = encoded(replacements.by)
            of_word = np.zeros(len(distinct), dtype=np.int64)
            of_word[replacements.words] = len(words) + number.to_numpy()
            changed = np.flatnonzero((of_word > 0)[code] & at)
            replaced[changed] = of_word[code[changed]]
            words = pl.concat([words, known])
        return words, replaced


class _Places:
    """Hold which distinct word stands at each of p places of texts, and look up facts about those words.

    Args:
        code: Index of the distinct word at each of the p places.
        offsets: Place of the first word of each text, and p.
        facts: One row for each distinct word.
    """

    def __init__(self, code: Ints, offsets: Ints, facts: pl.DataFrame) -> None:
        self.code = code
        self._facts = facts
        is_first = np.zeros(len(code) + 1, dtype=bool)
        is_first[offsets] = True
        self.is_first, self._is_last = is_first[:-1], is_first[1:]

    def fact(self, name: str) -> NDArray[Any]:
        return self._facts[name].to_numpy()[self.code]

    def before(self, holds: Bools) -> Bools:
        """Return whether something holds for the place before in the same text."""
        return previous(holds) & ~self.is_first

    def after(self, holds: Bools) -> Bools:
        """Return whether something holds for the place after in the same text."""
        return following(holds) & ~self._is_last


def _is_name(places: _Places, names: Names) -> Bools:
    """Return the places of words that a dummy name may replace, because either is masked there."""
    fact, before, after, code = places.fact, places.before, places.after, places.code
    among_words = ~(before(~fact("ends_plain")) | after(~fact("begins_plain")))
    greeted = before(fact("greets") | fact("ends_greeting") & before(fact("begins_greeting")))
    is_open, ends_in_comma = fact("is_open"), fact("ends_in_comma")
    called, is_within = places.is_first & ends_in_comma, before(is_open | ends_in_comma)
    is_name: Bools = names.greeted[code] & greeted
    for _ in range(SURNAMES):
        is_name |= names.surname[code] & before(is_name & is_open)
    is_name |= names.always[code] | names.within[code] & is_within | names.called[code] & called
    for _ in range(_NEIGHBOURS):
        is_name &= among_words
        is_name |= names.after_name[code] & before(is_name & is_open)
        is_name |= names.before_name[code] & is_open & after(is_name)
    return is_name & among_words
