"""Compute days: when the slice of a day closes, where a month ends, which days follow each other."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

CLOSING_MARGIN_DAYS = 2
# A provider's clock may be so far ahead: an event stands in the partition of its day, or of the day before.
CLOCK_SKEW_DAYS = 1
# A day of a workspace is one of its own time zone: it begins and ends up to a day from the same day in UTC.
TIME_ZONE_DAYS = 1


def month_end(day: date) -> date:
    """Return the last day of a day's month."""
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def last_closed_day(as_of: datetime, *, lateness_days: int) -> date:
    """Return the newest event day whose slice is closed at a time."""
    return as_of.date() - timedelta(days=lateness_days + CLOSING_MARGIN_DAYS)


def closing_day(day: date, *, lateness_days: int) -> date:
    """Return the first day on which the slice of an event day is closed."""
    return day + timedelta(days=lateness_days + CLOSING_MARGIN_DAYS)


def first_day_read(day: date, *, lateness_days: int) -> date:
    """Return the oldest partition that the slice of an event day reads (dbt macro `rows_needed`).

    A message may have begun up to a horizon and a day before, and was counted then.
    """
    return day - timedelta(days=lateness_days + 1 + CLOCK_SKEW_DAYS + TIME_ZONE_DAYS)


def days_of_partition(day: date) -> tuple[date, ...]:
    """Return the days, of workspaces anywhere, on which messages of a store partition may have been sent."""
    return tuple(day + timedelta(days=n) for n in range(-TIME_ZONE_DAYS, TIME_ZONE_DAYS + 1))


def runs_of(days: Iterable[date]) -> list[tuple[date, date]]:
    """Return the first and last day of each run of days that follow each other, oldest first."""
    runs: list[tuple[date, date]] = []
    for day in sorted(days):
        if runs and runs[-1][1] + timedelta(days=1) == day:
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return runs
