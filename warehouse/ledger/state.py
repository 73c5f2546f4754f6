"""Record how far a warehouse has come: its clock, its generation, what is built, what failed."""

import json
from collections.abc import Collection
from datetime import date, datetime

from warehouse.errors import ClockError
from warehouse.ledger.file import LedgerFile, now


class State(LedgerFile):
    """Read and set single values that describe the whole warehouse."""

    def check_clock(self, as_of: datetime) -> None:
        """Check that the warehouse may work at ``as_of`` (naive UTC); its clock does not move.

        Raises:
            ClockError: It has reached a later day already. Within one day any order is allowed.
        """
        reached = self.clock()
        if reached and as_of.date() < reached.date():
            raise ClockError(as_of, reached)

    def advance_clock(self, as_of: datetime) -> None:
        """Move the warehouse's clock forward to ``as_of`` (naive UTC); a later clock stays.

        Called when work is done: what was refused has moved no clock.
        """
        with self.transaction() as connection:
            connection.execute(
                "insert into meta values ('as_of', ?) "
                "on conflict (name) do update set value = max(value, excluded.value)",
                (as_of.isoformat(timespec="microseconds"),),
            )

    def clock(self) -> datetime | None:
        """Return the latest ``as_of`` so far (naive UTC); None in a new warehouse."""
        value = self.value("as_of")
        return datetime.fromisoformat(value) if value else None

    def reached(self) -> datetime:
        """Return the clock (naive UTC); in a new warehouse the machine's."""
        return self.clock() or datetime.fromisoformat(now())

    def no_earlier(self, at: datetime) -> datetime:
        """Return a moment, or the clock where that has gone on to a later one."""
        return max(at, self.clock() or at)

    def generation(self) -> int:
        """Return the number of the last commit; 0 in a new warehouse."""
        return int(self.value("generation") or 0)

    def built_until(self) -> date | None:
        """Return the newest event day whose slice is in the cubes; None before the first build."""
        value = self.value("built_until")
        return date.fromisoformat(value) if value else None

    def set_built_until(self, day: date) -> None:
        """Record that all slices up to ``day`` are in the cubes."""
        self.set_value("built_until", day.isoformat())

    def waiting_months(self) -> list[date]:
        """Return the months, by first day, whose days are in the cubes and whose own cubes are not."""
        return [date.fromisoformat(month) for month in json.loads(self.value("waiting_months") or "[]")]

    def set_waiting_months(self, months: Collection[date]) -> None:
        """Record which months wait to be built."""
        self.set_value("waiting_months", json.dumps(sorted(month.isoformat() for month in set(months))))

    def unsound_marts(self) -> frozenset[str]:
        """Return models and tests that failed in their last build; if there are any, nothing is published."""
        return frozenset(json.loads(self.value("unsound_marts") or "[]"))

    def set_unsound_marts(self, names: Collection[str]) -> None:
        """Record which models and tests failed in their last build."""
        self.set_value("unsound_marts", json.dumps(sorted(names)))

    def mark_demo(self) -> None:
        """Record that this warehouse holds generated data only."""
        self.set_value("demo", "true")

    def is_demo(self) -> bool:
        """Return whether this warehouse holds generated data only."""
        return self.value("demo") is not None

    def log_access(self, what: str) -> None:
        """Record that somebody opened the restricted zone, and with what command."""
        with self.transaction() as connection:
            connection.execute("insert into access_log values (?, ?)", (now(), what))
