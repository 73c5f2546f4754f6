"""Make columns and frames of the exported tables."""

from collections.abc import Iterable

import numpy as np
import polars as pl

from pipelines.synthetic.envelopes import filled, lookup, shown
from pipelines.synthetic.randomness import NEVER, Ints

TIME = pl.Datetime("us", "UTC")


def times(seconds: Ints) -> pl.Series:
    """Return UTC seconds as time stamps; `NEVER` becomes null."""
    never = NEVER // 1_000_000
    micros = pl.Series(np.where(seconds >= never, 0, seconds) * 1_000_000)
    return shown(micros.cast(TIME), seconds < never)


def frame_of(rows: Iterable[tuple[object, ...]], columns: str, *, times: str) -> pl.DataFrame:
    """Make a frame of rows.

    Args:
        columns: Their names, apart from times; text where all values are null.
        times: Names of the last columns, which hold UTC seconds.
    """
    names, moments = columns.split(), times.split()
    frame = pl.DataFrame(list(rows), schema=[*names, *moments], orient="row", infer_schema_length=None)
    return frame.with_columns(
        pl.col([name for name in names if frame[name].dtype == pl.Null]).cast(pl.String),
        (pl.col(moments).cast(pl.Int64) * 1_000_000).cast(TIME),
    )


def optional(texts: list[str], index: Ints) -> pl.Series:
    """Return texts by index; null where the index is negative."""
    return shown(lookup([*texts, ""], np.where(index >= 0, index, len(texts))), index >= 0)


def numbered(prefix: str, numbers: Ints) -> pl.Series:
    """Return ids of a prefix and a number of seven digits."""
    return filled(pl.DataFrame({"n": pl.Series(numbers).cast(pl.String).str.zfill(7)}), f"{prefix}<n>")


def plus(phones: pl.Series) -> pl.Series:
    """Return phone numbers with a plus sign."""
    return filled(phones.to_frame("phone"), "+<phone>")
