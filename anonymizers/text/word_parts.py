"""Recognize words that no list has by their parts: German compounds, endings, other forms of known words."""

import re
from collections.abc import Iterable, Sequence
from functools import cached_property

import polars as pl

from anonymizers.text.arrays import Bools, Floats, Ints
from anonymizers.text.lexicon import Lexicon, positions
from anonymizers.text.settings import TextSettings
from anonymizers.unicode import without_accents

_SHORTEST_PART, _SHORTEST_LAST_PART = 3, 4
_MOST_PARTS = 4
# What may stand between the parts of a German compound: `Zahlung-s-erinnerung`.
_LINKS = ("", "s", "es", "n", "en")
_SHORTEST, _SHORTEST_STEM = 7, 5
_LETTERS = re.compile(r"[^\W\d_]+\Z")
# How much more common than `common` a word counts that is known by its parts.
_SURER = 0.5


class WordParts:
    """Find words that are made of known words and contain no name."""

    def __init__(self, lexicon: Lexicon, settings: TextSettings) -> None:
        self._lexicon = lexicon
        self._rule = settings.release_rule
        self._stems = settings.compound_stems | settings.no_names
        self._name_ends = tuple(sorted(settings.compound_ends_of_names))
        self._languages = lexicon.languages
        self._endings = {
            code: tuple(sorted(endings))
            for code, endings in settings.noun_endings.items()
            if code in lexicon.languages
        }
        self._stems_by = {
            code: _stem(endings) for code, endings in settings.endings.items() if code in lexicon.languages
        }

    def put(self, words: pl.Series, unknown: Ints, zipf: Floats) -> None:
        """Write into ``zipf`` (m x l) how common those of m words are that are known by their parts.

        Args:
            words: The m words, in lower case.
            unknown: Indices of those that no list has.
            zipf: As in `Lexicon`; changed in place.
        """
        if not len(unknown):
            return
        long = unknown[(words.gather(unknown).str.len_chars() >= _SHORTEST).to_numpy()]
        asked = words.gather(long).to_frame("word")
        for language, stem in self._stems_by.items():
            is_form = positions(self._stems_of[language], asked.select(stem).to_series()) >= 0
            zipf[long[is_form], self._languages.index(language)] = self._rule.common + _SURER
        for at, word in zip(long, asked["word"], strict=True):
            for language in self._languages_of(word):
                zipf[at, self._languages.index(language)] = self._rule.common + _SURER

    def _languages_of(self, word: str) -> list[str]:
        if len(word) > self._rule.longest_word:
            return []
        found = [language for language, endings in self._endings.items() if word.endswith(endings)]
        if self._may_be_compound(word) and self._is_compound(word, _MOST_PARTS):
            found.append("de")
        return found if found and _LETTERS.match(word) and not self._begins_with_name(word) else []

    def _begins_with_name(self, word: str) -> bool:
        """Return whether a name and a word are written together: `Annageburtstag`."""
        plain = without_accents(word)
        return any(
            plain[:end] in self._names
            and any(rest in self._words for rest in _rests(word, end, links=("", "s")))
            for end in range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1)
        )

    def _may_be_compound(self, word: str) -> bool:
        """Return whether a word ends like a German word that is no end of names; a quick check."""
        return word[-_SHORTEST_LAST_PART:] in self._tails and not word.endswith(self._name_ends)

    def _is_compound(self, word: str, most: int) -> bool:
        german = self._german
        if most < _MOST_PARTS and len(word) >= _SHORTEST_LAST_PART and word in german:
            return True
        ends = range(_SHORTEST_PART, len(word) - _SHORTEST_LAST_PART + 1) if most > 1 else ()
        firsts = [end for end in ends if word[:end] in german]
        return any(self._is_compound(rest, most - 1) for end in firsts for rest in _rests(word, end))

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(self._lexicon.words.to_list()) - self._names

    @cached_property
    def _names(self) -> frozenset[str]:
        """Return names that are words neither in German, which has compounds, nor in English."""
        is_name = self._lexicon.name_lists > 0
        columns = [at for at, language in enumerate(self._languages) if language in ("de", "en")]
        common = self._lexicon.zipf[:, columns].max(axis=1, initial=0)
        words = self._lexicon.words.filter(common >= self._rule.common_though_a_name)
        names = frozenset(self._lexicon.bare.filter(is_name).to_list())
        return names - frozenset(words.to_list()) - self._stems

    @cached_property
    def _tails(self) -> frozenset[str]:
        return frozenset(word[-_SHORTEST_LAST_PART:] for word in self._german)

    @cached_property
    def _german(self) -> frozenset[str]:
        if "de" not in self._languages:
            return frozenset()
        return frozenset(self._lexicon.words.filter(self._is_of("de")).to_list()) | self._stems

    def _is_of(self, language: str) -> Bools:
        """Return which of the lexicon's words are of a language and no names, or more common than names."""
        zipf = self._lexicon.zipf[:, self._languages.index(language)]
        is_more_than_a_name = zipf >= self._rule.common_though_a_name
        return is_more_than_a_name | (zipf >= self._rule.common) & ~self._is_short & ~self._is_named

    @cached_property
    def _is_short(self) -> Bools:
        return (self._lexicon.words.str.len_chars() <= _SHORTEST_PART).to_numpy()

    @cached_property
    def _is_named(self) -> Bools:
        is_named = (self._lexicon.name_lists > 0) | self._lexicon.is_place
        named = self._lexicon.bare.filter(is_named).unique()
        return self._lexicon.words.is_in(named.implode()).to_numpy()

    @cached_property
    def _stems_of(self) -> dict[str, pl.Series]:
        """Return what is left of the words of each language without their endings."""
        words = self._lexicon.words.to_frame("word")
        long = pl.col("word").str.len_chars() >= _SHORTEST_STEM
        return {
            code: words.filter(self._is_of(code)).select(stem).filter(long).to_series().unique().sort()
            for code, stem in self._stems_by.items()
        }


def _stem(endings: Iterable[str]) -> pl.Expr:
    """Return a word without the longest of some endings that it has."""
    longest_first = sorted(endings, key=len, reverse=True)
    return pl.col("word").str.replace(rf"(?:{'|'.join(longest_first)})$", "")


def _rests(word: str, end: int, *, links: Sequence[str] = _LINKS) -> Iterable[str]:
    """Yield what may be left of a compound after its first part."""
    return (word[end + len(link) :] for link in links if word.startswith(link, end))
