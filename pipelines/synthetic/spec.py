"""Define what can be asked of the generated world, and the summary of what was written."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from pipelines.synthetic.errors import WorldSpecError

# Two marketing messages per contact and week, as a busy shop sends them.
MESSAGES_PER_CONTACT_WEEK = 2.08
# Statuses, replies and clicks go on arriving for a week after the last message was sent.
TAIL_DAYS = 7
# A Monday after the privacy policy came into force, so that four weeks cross the turn of a month.
DEFAULT_START = date(2026, 5, 11)


# Without slots, so that commands can show the defaults as `WorldSpec.days`.
@dataclass(frozen=True)
class WorldSpec:
    """Size, period and seed of a world; equal specs give byte-equal files.

    ``contacts`` is the average per workspace. ``messages`` is the size of the outbox over the whole
    period, met within a few percent; by default it follows from contacts and days. ``account_ends`` is how
    many subscriptions end within the period, by default about one in ten; ``hold_days`` after the start
    the legal holds expire.
    """

    workspaces: int = 12
    contacts: int = 600
    days: int = 28
    seed: int = 1
    start: date = DEFAULT_START
    messages: int | None = None
    account_ends: int | None = None
    hold_days: int = 365

    def __post_init__(self) -> None:
        for name, low, high in (
            ("workspaces", 1, 5_000),
            ("contacts", 20, 100_000),
            ("days", 1, 731),
            ("seed", 0, 2**32 - 1),
            ("hold_days", 1, 3_650),
        ):
            if not low <= getattr(self, name) <= high:
                raise WorldSpecError(name, low, high)
        if self.messages is not None and self.messages < 1:
            raise WorldSpecError("messages", 1, None)
        if self.account_ends is not None and not 0 <= self.account_ends <= self.workspaces:
            raise WorldSpecError("account_ends", 0, self.workspaces)

    def covers(self, day: date) -> bool:
        """Return whether messages are sent on a day; later days only see what arrives late."""
        return self.start <= day < self.start + timedelta(days=self.days)

    @property
    def message_target(self) -> int:
        """Return the rows of the outbox to aim for."""
        if self.messages is not None:
            return self.messages
        return round(MESSAGES_PER_CONTACT_WEEK * self.workspaces * self.contacts * self.days / 7)


@dataclass(frozen=True, slots=True)
class WorldSummary:
    """Counts of what was written.

    ``records`` holds, by contract, the rows a complete reader finds, repetitions included.
    """

    workspaces: int
    contacts: int
    messages: int
    accepted: int
    late_statuses: int
    repeated_statuses: int
    first_day: date
    last_arrival_day: date
    files: int
    size_bytes: int
    records: Mapping[str, int]
