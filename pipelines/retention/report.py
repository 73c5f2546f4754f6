"""Represent the content of the privacy officer's report."""

from dataclasses import dataclass
from datetime import date, datetime

from pipelines.retention.evidence import Described
from warehouse.ledger.requests import Waiting
from warehouse.retention.evidence import Entry
from warehouse.retention.verify import Verified

_UNCONFIRMED = "unconfirmed"


@dataclass(frozen=True, slots=True)
class Lane:
    """Rows of one window: the days they span, as ages at the report's date."""

    window_days: int
    oldest_age: int
    newest_age: int
    rows: int


@dataclass(frozen=True, slots=True)
class StoredSet:
    """One data set as it is stored now.

    Attributes:
        oldest: Oldest event day, or month; None where rows have no time of their own.
        next_expiry: Day on which the next rows go by their window.
        lanes: By window, shortest first; empty where rows have no days.
        last_deletion: The last entry of the evidence that names it.
    """

    source: str
    description: str
    oldest: date | None
    next_expiry: date | None
    rows: int
    files: int
    bytes: int
    held_rows: int
    lanes: tuple[Lane, ...]
    last_deletion: Entry | None


@dataclass(frozen=True, slots=True)
class Category:
    """One category of the policy, with its data sets.

    Attributes:
        since: Date of the policy version that rules.
        chosen: (days, workspaces) where workspaces have a window of their own.
    """

    name: str
    purpose: str
    window: str
    since: date
    legal_basis: str
    outlives_account: bool
    chosen: tuple[tuple[int, int], ...]
    sets: tuple[StoredSet, ...]

    @property
    def is_unconfirmed(self) -> bool:
        """Return whether the privacy officer has still to confirm its legal basis."""
        return self.legal_basis == _UNCONFIRMED


@dataclass(frozen=True, slots=True)
class HoldShown:
    """A legal hold and what it keeps that would be gone without it."""

    name: str
    number: str
    workspace: str
    scope: str
    reason: str
    expires_at: datetime
    is_active: bool
    rows: int


@dataclass(frozen=True, slots=True)
class Place:
    """Files beside the store: where, how long, counted from when, and how many are due now."""

    name: str
    what: str
    days: int
    counted_from: str
    due: int


@dataclass(frozen=True, slots=True)
class Report:
    """The content of the page."""

    as_of: datetime
    verified: Verified
    proof: Entry | None
    is_demo: bool
    categories: tuple[Category, ...]
    holds: tuple[HoldShown, ...]
    ended: tuple[tuple[str, date], ...]
    account_ends: tuple[tuple[str, date], ...]
    gaps: tuple[date, ...]
    alarms: tuple[date, ...]
    places: tuple[Place, ...]
    entries: int
    latest: tuple[Described, ...]
    deleted_by_day: tuple[tuple[date, int], ...]
    due_rows: int
    requests: tuple[Waiting, ...]

    @property
    def is_proved(self) -> bool:
        """Return whether nothing was found."""
        return not self.verified.findings

    @property
    def rows(self) -> int:
        """Return how many rows are stored."""
        return sum(s.rows for c in self.categories for s in c.sets)

    @property
    def held_rows(self) -> int:
        """Return how many rows only holds keep."""
        return sum(s.held_rows for c in self.categories for s in c.sets)

    @property
    def rows_deleted(self) -> int:
        """Return how many rows were ever deleted, by the evidence."""
        return sum(rows for _, rows in self.deleted_by_day)

    @property
    def unconfirmed(self) -> tuple[str, ...]:
        """Return the categories whose legal basis nobody has confirmed."""
        return tuple(c.name for c in self.categories if c.is_unconfirmed)
