"""Name the months and weeks of reports, e.g. `2026-10` and `2026-W43`."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

from pipelines.declarations.calendar import month_end
from pipelines.declarations.errors import UsageError

_MONTH, _WEEK = re.compile(r"(\d{4})-(\d{2})"), re.compile(r"(\d{4})-W(\d{2})")
_DAYS_OF_A_WEEK = 7


@dataclass(frozen=True, slots=True)
class Span:
    """One month, or one ISO week: its first and last day."""

    first: date
    last: date

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `2026-10` or `2026-W43`.

        Raises:
            UsageError: It is neither.
        """
        try:
            if found := _MONTH.fullmatch(text):
                return cls.month_of(date(int(found[1]), int(found[2]), 1))
            if found := _WEEK.fullmatch(text):
                monday = date.fromisocalendar(int(found[1]), int(found[2]), 1)
                return cls(monday, monday + timedelta(days=_DAYS_OF_A_WEEK - 1))
        except ValueError:  # no such month or week: said below
            pass
        raise UsageError("--period takes a month or a week: 2026-10 or 2026-W43.")

    @classmethod
    def month_of(cls, day: date) -> Self:
        """Return the month of a day."""
        return cls(day.replace(day=1), month_end(day))

    @classmethod
    def last_complete_month(cls, last_day: date) -> Self:
        """Return the last month of which every day up to ``last_day`` is there."""
        month = cls.month_of(last_day)
        return month if month.last == last_day else month.before

    @property
    def is_month(self) -> bool:
        """Return whether it is a month, and no week."""
        return (self.last - self.first).days >= _DAYS_OF_A_WEEK

    @property
    def days(self) -> int:
        """Return how many days it has."""
        return (self.last - self.first).days + 1

    @property
    def before(self) -> Self:
        """Return the month or week before."""
        end = self.first - timedelta(days=1)
        return type(self)(end.replace(day=1) if self.is_month else end - timedelta(days=6), end)

    @property
    def name(self) -> str:
        """Return it as `--period` takes it."""
        return f"{self.first:%Y-%m}" if self.is_month else f"{self.first:%G-W%V}"

    @property
    def title(self) -> str:
        """Return it in words."""
        return f"{self.first:%B %Y}" if self.is_month else f"week {self.first:%V of %G}"
