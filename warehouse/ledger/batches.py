"""What each batch did: rows by outcome, and the one change of the store that it commits."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from warehouse.errors import ReconciliationError
from warehouse.ledger.file import LedgerFile
from warehouse.ledger.parts import Part


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows of a source met one outcome: kept, duplicate, dropped or quarantined."""

    source: str
    outcome: str
    reason: str
    rows: int


@dataclass(frozen=True, slots=True)
class Merge:
    """Partitions rewritten whole: the change to commit, and what became of the rows merged in."""

    added: tuple[Part, ...]
    removed: tuple[Part, ...]
    watched: frozenset[tuple[str, str]]
    snapshot: int
    counts: tuple[Count, ...]


@dataclass(frozen=True, slots=True)
class Commit:
    """One all-or-nothing change of the store.

    Attributes:
        rows_read: Rows by source; must equal the sum of its counts.
        removed: Files to be hidden, each with why.
        snapshot: Generation the writer looked at; newer parts in ``watched`` are a conflict.
        watched: (source, prefix of partition) pairs the result depends on.
        epoch: Retention's epoch when the rows got their windows; None where they get none.
        also: More to write in the same transaction; called with the new generation.
    """

    batch_id: str
    as_of: datetime
    snapshot: int
    feed: str | None = None
    content_hash: str | None = None
    rows_read: Mapping[str, int] = field(default_factory=dict)
    counts: Sequence[Count] = ()
    added: Sequence[Part] = ()
    removed: Mapping[Part, str] = field(default_factory=dict)
    watched: frozenset[tuple[str, str]] = frozenset()
    epoch: int | None = None
    also: Callable[[sqlite3.Connection, int], None] | None = None


class Batches(LedgerFile):
    """Read what batches did; `Ledger.commit` writes it."""

    def has_batch(self, feed: str, content_hash: str) -> bool:
        """Whether a file of this content was committed for this feed."""
        return bool(
            self.read("select 1 from batches where feed = ? and content_hash = ?", feed, content_hash)
        )

    def counts(self, batch_ids: Sequence[str] | None = None) -> list[Count]:
        """Rows by source, outcome and reason, of some batches or of all; in that order."""
        marks = ",".join("?" * len(batch_ids or ()))
        where = f"where batch_id in ({marks})" if batch_ids is not None else ""
        rows = self.read(
            f"select source, outcome, reason, sum(rows) as rows from counts {where} "
            "group by source, outcome, reason order by source, outcome, reason",
            *(batch_ids or ()),
        )
        return [Count(r["source"], r["outcome"], r["reason"], r["rows"]) for r in rows]

    def last_arrival(self, feed: str) -> datetime | None:
        """The clock (naive UTC) at the last file of a feed; None if there was none yet."""
        rows = self.read("select max(as_of) as at from batches where feed = ?", feed)
        return datetime.fromisoformat(rows[0]["at"]) if rows[0]["at"] else None


def reconcile(change: Commit) -> None:
    """Check that the counts of each source add up to the rows read.

    Raises:
        ReconciliationError: They do not.
    """
    for source, read in change.rows_read.items():
        accounted = sum(count.rows for count in change.counts if count.source == source)
        if accounted != read:
            raise ReconciliationError(source, read, accounted)
