"""Texts in columns: words, numbers and what stands between them, without a loop over either."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

# Together they are every character, so that lengths give positions.
_TILE = r"[\p{L}\p{M}]+(?:['’][\p{L}\p{M}]+)*|\p{Nd}+|[^\p{L}\p{M}\p{Nd}]+"
# As `\s` of a pattern. Polars keeps 32 compiled patterns; asked for more, it compiles each at every call, and
# that takes longer than all else that is done with a few texts. So what can be asked without a pattern is.
BLANKS = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Tiles:
    """A column of texts, cut into words, numbers and what stands between.

    Attributes:
        distinct: Each distinct tile once.
        is_word: Which of them are words.
        is_number: Which of them are numbers.
        codes: Which of them each tile is; tiles of a text in order, texts in order.
        text: Which text each tile is of.
        start: Where each tile starts, in characters, if the texts stood one behind the other.
        text_start: Where each text starts; one more than there are texts.
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

    def between(self) -> Bools:
        """Which distinct tiles are neither word nor number."""
        return ~(self.is_word | self.is_number)


def made_of(tile: pl.Expr, characters: str, *, most: int) -> pl.Expr:
    """Which tiles are of some characters alone, and of so many at most."""
    return (tile.str.strip_chars(characters) == "") & (tile.str.len_chars() <= most)


def cut(texts: pl.Series) -> Tiles:
    """Cut texts without nulls into tiles."""
    lists = texts.str.extract_all(_TILE)
    counts = lists.list.len().to_numpy().astype(np.int64)
    distinct, codes = encoded_parts(lists)
    tile = pl.col("tile")
    told = distinct.to_frame("tile").select_seq(
        is_word=tile.str.contains(r"^[\p{L}\p{M}]"),
        is_number=tile.str.contains(r"^\p{Nd}"),
        length=tile.str.len_chars().cast(pl.Int64),
    )
    lengths = told["length"].to_numpy()[codes]
    ends = np.cumsum(lengths)
    boundaries = np.concatenate([[0], np.cumsum(texts.str.len_chars().to_numpy().astype(np.int64))])
    return Tiles(
        distinct=distinct,
        is_word=told["is_word"].to_numpy(),
        is_number=told["is_number"].to_numpy(),
        codes=codes,
        text=np.repeat(np.arange(len(texts)), counts),
        start=ends - lengths,
        text_start=boundaries,
    )


def continues(text: Ints) -> Bools:
    """What is of the same text as what stands before it."""
    return np.concatenate([[False], text[1:] == text[:-1]])


def previous(values: NDArray[Any]) -> NDArray[Any]:
    """What stands before each; nothing before the first."""
    return np.concatenate([np.zeros_like(values[:1]), values[:-1]])


def following(values: NDArray[Any]) -> NDArray[Any]:
    """What stands behind each; nothing behind the last."""
    return np.concatenate([values[1:], np.zeros_like(values[:1])])


def encoded(texts: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Each distinct text once, and which of them each text is; null stays null."""
    return _encoded(texts.to_arrow())


def encoded_parts(lists: pl.Series) -> tuple[pl.Series, Ints]:
    """The same of the parts of lists without nulls, one list behind the other."""
    distinct, numbers = _encoded(lists.to_arrow().flatten())
    return distinct, numbers.to_numpy().astype(np.int64)


def _encoded(texts: pa.Array) -> tuple[pl.Series, pl.Series]:
    known = texts.cast(pa.large_string()).dictionary_encode()
    return pl.Series("tile", known.dictionary, dtype=pl.String), pl.Series("number", known.indices)


def encoded_rows(values: Ints, offsets: Ints) -> tuple[Ints, Ints, Ints]:
    """The distinct rows of numbers, where each of the n rows reaches from one of n + 1 offsets to the next.

    Returns:
        Values and offsets of the distinct rows, and which of them each row is.
    """
    buffers = [None, pa.py_buffer(offsets * values.itemsize), pa.py_buffer(values)]
    rows = pa.Array.from_buffers(pa.large_binary(), len(offsets) - 1, buffers).dictionary_encode()
    _, ends, content = rows.dictionary.buffers()
    bounds = np.frombuffer(ends, np.int64, len(rows.dictionary) + 1) // values.itemsize
    distinct = np.frombuffer(content, values.dtype, bounds[-1])
    return distinct, bounds, pl.Series(rows.indices).to_numpy().astype(np.int64)


def rejoined(tiles: Tiles, codes: Ints, distinct: pl.Series) -> pl.Series:
    """The texts with other tiles in place of theirs; as many, in order."""
    offsets = np.searchsorted(tiles.text, np.arange(len(tiles.text_start)))
    return joined(distinct, codes, offsets, by="")


def joined(distinct: pl.Series, codes: Ints, offsets: Ints, *, by: str) -> pl.Series:
    """Texts put together of parts: those from one of the n + 1 offsets to the next are one of n texts."""
    parts = distinct.to_arrow().cast(pa.large_string()).take(pl.Series(codes).to_arrow())
    lists = pa.LargeListArray.from_arrays(pl.Series(offsets, dtype=pl.Int64).to_arrow(), parts)
    (separator,) = pl.Series([by]).to_arrow().cast(pa.large_string())
    return pl.Series(pc.binary_join(lists, separator), dtype=pl.String)
