"""Build texts for whole columns at once: the lines of JSONL inboxes and what stands in them."""

import re

import numpy as np
import polars as pl

from pipelines.synthetic.randomness import Flags, Ints
from pipelines.synthetic.stamps import iso_milliseconds

# Rows per piece of text: about 20 MB, whatever the size of the day.
SLICE_ROWS = 32_768
_SLOT = re.compile(r"<(\w+)>")


def pieces(pattern: str, **parts: pl.Expr) -> list[pl.Expr]:
    """Cut a pattern into expressions to concatenate; `<name>` is a column, or one of ``parts``."""
    return [
        parts.get(text, pl.col(text)) if place % 2 else pl.lit(text)
        for place, text in enumerate(_SLOT.split(pattern))
        if text
    ]


def only(condition: str | pl.Expr, pattern: str) -> list[pl.Expr]:
    """Return the pieces of a pattern where a condition holds, and nothing elsewhere."""
    return [pl.when(condition).then(each.cast(pl.String)).otherwise(pl.lit("")) for each in pieces(pattern)]


def filled(frame: pl.DataFrame, pattern: str, **parts: pl.Expr) -> pl.Series:
    """Return a pattern for each row of a frame, its slots filled (see `pieces`)."""
    return frame.select(pl.concat_str(pieces(pattern, **parts)).alias("text")).to_series()


def shown(values: pl.Series, where: Flags) -> pl.Series:
    """Return values where a flag is set, and null elsewhere."""
    return pl.DataFrame({"value": values, "where": where}).select(pl.when("where").then("value")).to_series()


def opening(received_ms: Ints) -> pl.Series:
    """Return `{"received_at":"…","channel":"` for each time of receipt."""
    return filled(pl.DataFrame({"at": iso_milliseconds(received_ms)}), '{"received_at":"<at>","channel":"')


def slices(count: int) -> list[slice]:
    """Cut ``count`` rows into slices."""
    return [slice(start, min(start + SLICE_ROWS, count)) for start in range(0, count, SLICE_ROWS)]


def lookup(texts: list[str], index: Ints) -> pl.Series:
    """Return texts by index; cheap, because equal texts are shared."""
    return pl.Series(values=texts, dtype=pl.String).gather(np.asarray(index, dtype=np.int64))
