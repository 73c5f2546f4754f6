"""Write times as text, a whole column at once."""

from datetime import date, timedelta

import polars as pl

from pipelines.synthetic.randomness import Ints

DAY_S = 86_400
EPOCH = date(1970, 1, 1)


def seconds_of(day: date) -> int:
    """Return the seconds since 1970 at midnight UTC."""
    return (day - EPOCH).days * DAY_S


def day_of(seconds: int) -> date:
    """Return the UTC day of a time."""
    return EPOCH + timedelta(days=seconds // DAY_S)


def iso_milliseconds(at_ms: Ints) -> pl.Series:
    """Return `2026-05-11T10:05:03.120Z`."""
    return _written(at_ms, "%Y-%m-%dT%H:%M:%S%.3fZ")


def common_log(at_s: Ints) -> pl.Series:
    """Return `11/May/2026:10:05:03 +0000`."""
    return _written(at_s * 1000, "%d/%b/%Y:%H:%M:%S +0000")


def python_log(at_ms: Ints) -> pl.Series:
    """Return `2026-05-11 10:05:03,120`, as Python's `logging` writes it."""
    return _written(at_ms, "%Y-%m-%d %H:%M:%S,%3f")


def rfc2822(at_s: Ints) -> pl.Series:
    """Return `Mon, 11 May 2026 10:05:03 +0000`."""
    return _written(at_s * 1000, "%a, %d %b %Y %H:%M:%S +0000")


def smpp(at_s: Ints) -> pl.Series:
    """Return `2605111005`, to the minute, as delivery receipts write it."""
    return _written(at_s * 1000, "%y%m%d%H%M")


def _written(at_ms: Ints, pattern: str) -> pl.Series:
    # Polars writes English names whatever the locale of the machine.
    return pl.Series(at_ms).cast(pl.Datetime("ms")).dt.strftime(pattern)
