"""Put the words and numbers of a column in one sequence, each with how it relates to its neighbours."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from anonymizers.text.arrays import Bools, Ints, following, previous, same_as_previous
from anonymizers.text.spans import Spans
from anonymizers.text.word_facts import WordFacts

LONGEST_ENDING = 2
# Letters of a currency before a dollar sign: `R$`, `US$`.
_LONGEST_CURRENCY = 2


@dataclass(frozen=True, slots=True)
class WordSequence:
    """Hold the w words and numbers of t texts in order, without separators; arrays have w entries.

    Attributes:
        texts: How many texts there are (t).
        text: Index of the text of each.
        code: Index of each among the distinct spans.
        is_word: Whether it is a word.
        is_number: Whether it is a number.
        is_year: Whether it is a year in which campaigns run.
        length: How many characters it has.
        follows: Whether another word or number precedes it in its text.
        adjacent: Whether no separator is between it and the one before.
        joined: Whether it and the one before may be parts of one name, address or number.
        titled: Whether it follows as a name follows a title.
        first: Whether it is the first of its text or of a sentence.
        called: Whether it is the first of its text and before a comma.
        is_ending: Whether it may be the ending of another gender of the word before: `Liebe/r`.
        labelled: Whether it may be the value of a field whose name is before it.
        wall_before: Whether it begins its text or a wall is before it.
        wall_after: Whether it ends its text or a wall is after it.
        parted_before: Whether a wall or a comma is before it, or it begins its text.
        parted_after: Whether a wall or a comma is after it, or it ends its text.
        near: Whether a short separator, of whatever characters, is between it and the one before.
        oddly_joined: Whether it and the one before are parted by signs that are in no usual word.
        before_comma: Whether a comma follows it.
        is_last: Whether no other word or number follows in its text.
        is_currency: Whether it is part of the name of a currency: `R$`.
    """

    texts: int
    text: Ints
    code: Ints
    is_word: Bools
    is_number: Bools
    is_year: Bools
    length: Ints
    follows: Bools
    adjacent: Bools
    joined: Bools
    titled: Bools
    first: Bools
    called: Bools
    is_ending: Bools
    labelled: Bools
    wall_before: Bools
    wall_after: Bools
    parted_before: Bools
    parted_after: Bools
    near: Bools
    oddly_joined: Bools
    before_comma: Bools
    is_last: Bools
    is_currency: Bools

    @classmethod
    def of(cls, spans: Spans, at: Ints, facts: WordFacts) -> Self:
        """Describe the spans at the w indices ``at``, which are all the words and numbers."""
        code, text, separators = spans.codes[at], spans.text[at], facts.separators
        before, after = spans.codes[np.maximum(at - 1, 0)], spans.codes[np.minimum(at + 1, len(spans) - 1)]
        follows, distance = same_as_previous(text), np.diff(at, prepend=at[:1])
        adjacent, is_separated = follows & (distance == 1), follows & (distance == 2)
        length = facts.spelling.length[code]
        is_last = ~following(follows)
        wall = is_separated & separators.is_wall[before]
        comma = is_separated & separators.is_comma[before]
        return cls(
            texts=len(spans.text_start) - 1,
            text=text,
            code=code,
            is_word=spans.is_word[code],
            is_number=spans.is_number[code],
            is_year=facts.spelling.is_year[code],
            length=length,
            follows=follows,
            adjacent=adjacent,
            joined=is_separated & separators.joins[before] | adjacent,
            titled=is_separated & separators.follows_title[before],
            first=~follows | is_separated & separators.ends_sentence[before],
            called=~follows & separators.is_comma[after],
            is_ending=is_separated & separators.precedes_ending[before] & (length <= LONGEST_ENDING),
            labelled=is_separated & separators.follows_label[before],
            wall_before=wall | ~follows,
            wall_after=following(wall) | is_last,
            parted_before=wall | comma | ~follows,
            parted_after=following(wall | comma) | is_last,
            near=is_separated & separators.is_short[before] | adjacent,
            oddly_joined=is_separated & separators.is_odd[before],
            before_comma=separators.is_comma[after],
            is_last=is_last,
            is_currency=separators.is_dollar[after] & (length <= _LONGEST_CURRENCY),
        )

    def per_text(self, weights: NDArray[Any]) -> NDArray[Any]:
        """Return the sum of w weights (or rows of weights) in each of the t texts."""
        firsts = np.flatnonzero(~self.follows)
        number = np.int64 if weights.dtype == np.bool_ else weights.dtype
        sums = np.zeros((self.texts, *weights.shape[1:]), dtype=number)
        sums[self.text[firsts]] = np.add.reduceat(weights, firsts, axis=0, dtype=number)
        return sums

    def runs(self, member: Bools, *, joined: Bools | None = None) -> Ints:
        """Return the number of each entry's run of joined members; what is no member is a run by itself."""
        return np.cumsum(~((self.joined if joined is None else joined) & member & previous(member)))

    def in_row(self, member: Bools, *, least: int) -> Bools:
        """Return the members that are in a run of at least so many, whatever few signs stand between."""
        run = self.runs(member, joined=self.near)
        long: Bools = (np.bincount(run) >= least)[run] & member
        return long

    def long_numbers(self, *, digits: int, digits_in_groups: int) -> Bools:
        """Return the numbers of many digits, alone or together with numbers joined to them.

        A year stays, alone or with a short number (`5/2026`), and so does a day of sales (`11.11`).
        """
        group = self.runs(self.is_number)
        count, together = (np.bincount(group, self.is_number * size) for size in (1, self.length))
        years = np.bincount(group, self.is_year)
        of_year = (count <= 2) & (years == 1) & (together < 4 + digits)
        twice = self.joined & previous(self.is_number) & (self.code == previous(self.code))
        of_sales = (count == 2) & (np.bincount(group, twice) == 1) & (together <= digits_in_groups)
        many = ((self.length >= digits) & ~self.is_year) | (together[group] >= digits_in_groups)
        long: Bools = self.is_number & many & ~(of_year | of_sales)[group]
        return long

    def chunks(self) -> Ints:
        """Return the number of each entry's chunk, in which no separator is between: `b2b` is one chunk."""
        return np.cumsum(~self.adjacent)

    def is_mixed(self) -> Bools:
        """Return what is in a chunk of letters and digits."""
        chunk = self.chunks()
        numbers = np.bincount(chunk, self.is_number) > 0
        mixed: Bools = (numbers & (np.bincount(chunk, self.is_word) > 0))[chunk]
        return mixed
