"""Write times as text by look-up of a day's text and a second's text, never by a call per row."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import cache

import numpy as np
import polars as pl

from pipelines.synthetic.randomness import Ints

DAY_S = 86_400
EPOCH = date(1970, 1, 1)
# `strftime` would follow the locale of the machine.
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def seconds_of(day: date) -> int:
    """Return the seconds since 1970 at midnight UTC."""
    return (day - EPOCH).days * DAY_S


def day_of(seconds: int) -> date:
    """Return the UTC day of a time."""
    return EPOCH + timedelta(days=seconds // DAY_S)


def iso_milliseconds(at_ms: Ints) -> pl.Series:
    """Return `2026-05-11T10:05:03.120Z`."""
    seconds, millis = np.divmod(at_ms, 1000)
    return _joined(_days(seconds, date.isoformat), pl.lit("T"), _seconds(seconds), _millis().gather(millis))


def common_log(at_s: Ints) -> pl.Series:
    """Return `11/May/2026:10:05:03 +0000`."""
    return _joined(
        _days(at_s, lambda d: f"{d.day:02}/{MONTHS[d.month - 1]}/{d.year}"),
        pl.lit(":"),
        _seconds(at_s),
        pl.lit(" +0000"),
    )


def python_log(at_ms: Ints) -> pl.Series:
    """Return `2026-05-11 10:05:03,120`, as Python's `logging` writes it."""
    seconds, millis = np.divmod(at_ms, 1000)
    comma = _millis().str.replace(".", ",", literal=True).str.head(4)
    return _joined(_days(seconds, date.isoformat), pl.lit(" "), _seconds(seconds), comma.gather(millis))


def rfc2822(at_s: Ints) -> pl.Series:
    """Return `Mon, 11 May 2026 10:05:03 +0000`."""
    return _joined(
        _days(at_s, lambda d: f"{WEEKDAYS[d.weekday()]}, {d.day:02} {MONTHS[d.month - 1]} {d.year} "),
        _seconds(at_s),
        pl.lit(" +0000"),
    )


def smpp(at_s: Ints) -> pl.Series:
    """Return `2605111005`, to the minute, as delivery receipts write it."""
    return _joined(_days(at_s, lambda d: f"{d:%y%m%d}"), _minutes().gather(at_s % DAY_S // 60))


def _days(at_s: Ints, text: Callable[[date], str]) -> pl.Series:
    days = at_s // DAY_S
    first = int(days.min()) if len(days) else 0
    last = int(days.max()) if len(days) else 0
    table = pl.Series([text(EPOCH + timedelta(days=d)) for d in range(first, last + 1)])
    return table.gather(days - first)


def _seconds(at_s: Ints) -> pl.Series:
    return _clock().gather(at_s % DAY_S)


def _joined(*parts: pl.Series | pl.Expr) -> pl.Series:
    return pl.select(pl.concat_str([p if isinstance(p, pl.Expr) else pl.lit(p) for p in parts])).to_series()


@cache
def _clock() -> pl.Series:
    return pl.Series([f"{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}" for s in range(DAY_S)])


@cache
def _minutes() -> pl.Series:
    return pl.Series([f"{m // 60:02}{m % 60:02}" for m in range(DAY_S // 60)])


@cache
def _millis() -> pl.Series:
    return pl.Series([f".{m:03}Z" for m in range(1000)])
