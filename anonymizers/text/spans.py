"""Split a column of texts into spans: words, numbers and the separators between them."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from anonymizers.text.arrays import Bools, Ints, encoded_parts, evaluated, joined

# Word, number or separator: together they match every character, so that lengths give positions.
_SPAN = r"[\p{L}\p{M}]+(?:['’][\p{L}\p{M}]+)*|\p{Nd}+|[^\p{L}\p{M}\p{Nd}]+"
# As `\s` of a pattern. Polars keeps 32 compiled patterns; asked for more, it compiles each at every call, and
# that takes longer than all else that is done with a few texts. So what can be asked without a pattern is.
BLANKS = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


@dataclass(frozen=True, slots=True)
class Spans:
    """Hold t texts as n spans (words, numbers, separators); joined in order they are the texts again.

    Attributes:
        distinct: The m different spans, each once.
        is_word: Whether each of the m is a word.
        is_number: Whether each of the m is a number.
        codes: Index into ``distinct`` of each of the n spans, text by text and in order within each.
        text: Index of the text that each of the n spans is part of.
        start: Position of each of the n spans, in characters of all texts joined.
        text_start: Position of each text in the same count, and the total length: t + 1 numbers.
    """

    distinct: pl.Series
    is_word: Bools
    is_number: Bools
    codes: Ints
    text: Ints
    start: Ints
    text_start: Ints

    def __len__(self) -> int:
        return len(self.codes)

    def is_separator(self) -> Bools:
        """Return whether each of the m distinct spans is neither word nor number."""
        return ~(self.is_word | self.is_number)


def made_of(span: pl.Expr, characters: str, *, most: int) -> pl.Expr:
    """Return whether a span is of the given characters alone, and of at most so many."""
    return (span.str.strip_chars(characters) == "") & (span.str.len_chars() <= most)


def split_texts(texts: pl.Series) -> Spans:
    """Split texts without nulls into spans."""
    lists = texts.str.extract_all(_SPAN)
    counts = lists.list.len().to_numpy().astype(np.int64)
    distinct, codes = encoded_parts(lists)
    span = pl.col("span")
    expressions = {
        "is_word": span.str.contains(r"^[\p{L}\p{M}]"),
        "is_number": span.str.contains(r"^\p{Nd}"),
        "length": span.str.len_chars().cast(pl.Int64),
    }
    facts = evaluated(distinct.to_frame("span"), expressions)
    lengths = facts["length"][codes]
    return Spans(
        distinct=distinct,
        is_word=facts["is_word"],
        is_number=facts["is_number"],
        codes=codes,
        text=np.repeat(np.arange(len(texts)), counts),
        start=np.cumsum(lengths) - lengths,
        text_start=np.concatenate([[0], np.cumsum(texts.str.len_chars().to_numpy().astype(np.int64))]),
    )


def rejoined(spans: Spans, codes: Ints, distinct: pl.Series) -> pl.Series:
    """Return the t texts with ``distinct[codes]`` in place of their n spans, as many and in order."""
    offsets = np.searchsorted(spans.text, np.arange(len(spans.text_start)))
    return joined(distinct, codes, offsets, by="")
