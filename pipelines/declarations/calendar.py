"""When the slice of a day closes: the latest of its events may have come, and two more days have passed."""

from datetime import date, datetime, timedelta

CLOSING_MARGIN_DAYS = 2


def month_end(day: date) -> date:
    """The last day of a day's month."""
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def last_closed_day(as_of: datetime, *, lateness_days: int) -> date:
    """The newest event day whose slice is closed."""
    return as_of.date() - timedelta(days=lateness_days + CLOSING_MARGIN_DAYS)
