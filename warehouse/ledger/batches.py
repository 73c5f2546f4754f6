"""Describe what a batch did: rows by outcome, and the one change of the store that it commits."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from warehouse.errors import ReconciliationError
from warehouse.ledger.file import LedgerFile
from warehouse.ledger.parts import Part

# Before the hash of a file that may be loaded again.
UNDONE = "undone "


@dataclass(frozen=True, slots=True)
class Count:
    """Count the rows of a source with one outcome: kept, duplicate, dropped or quarantined."""

    source: str
    outcome: str
    reason: str
    rows: int


@dataclass(frozen=True, slots=True)
class Merge:
    """Hold partitions that were rewritten whole: the change to commit, and counts of the rows merged in."""

    added: tuple[Part, ...]
    removed: tuple[Part, ...]
    watched: frozenset[tuple[str, str]]
    snapshot: int
    counts: tuple[Count, ...]


@dataclass(frozen=True, slots=True)
class Commit:
    """Describe one change of the store, which is made as a whole or not at all.

    Attributes:
        rows_read: Rows by source; must equal the sum of its counts.
        removed: Files to be hidden → why.
        snapshot: Generation that the writer read; newer parts in ``watched`` are a conflict.
        watched: (source, prefix of partition) pairs that the result depends on.
        epoch: Retention's epoch when the rows got their windows; None if they get none.
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
    """Read what batches did. `Ledger.commit` writes it."""

    def has_batch(self, feed: str, content_hash: str) -> bool:
        """Return whether a file of this content was committed for this feed."""
        sql = "select 1 from batches where feed = ? and content_hash = ?"
        return bool(self.read(sql, feed, content_hash))

    def is_undone(self, feed: str, content_hash: str) -> bool:
        """Return whether a file was loaded before the clock was set back, and may be loaded again."""
        return self.has_batch(feed, UNDONE + content_hash)

    def counts(self, batch_ids: Sequence[str] | None = None) -> list[Count]:
        """Count rows by source, outcome and reason, of some batches or of all; in that order."""
        marks = ",".join("?" * len(batch_ids or ()))
        where = f"where batch_id in ({marks})" if batch_ids is not None else ""
        rows = self.read(
            f"select source, outcome, reason, sum(rows) as rows from counts {where} "
            "group by source, outcome, reason order by source, outcome, reason",
            *(batch_ids or ()),
        )
        return [Count(*row) for row in rows]

    def counts_since(self, generation: int) -> dict[str, list[Count]]:
        """Return feed → rows by source, outcome and reason, of the batches after a generation."""
        rows = self.read(
            "select feed, source, outcome, reason, sum(c.rows) as rows from batches join counts c "
            "using (batch_id) where generation > ? group by 1, 2, 3, 4 order by 1, 2, 3, 4",
            generation,
        )
        found: dict[str, list[Count]] = {}
        for feed, *count in rows:
            found.setdefault(feed, []).append(Count(*count))
        return found

    def mostly_quarantined(self, quarantine: str) -> dict[str, int]:
        """Return feed → files of which half the rows or more went to quarantine and lie there still.

        Args:
            quarantine: The data set of quarantined records.
        """
        rows = self.read(
            "with waiting as (select distinct batch_id from parts where source = ? and removed is null), "
            "shares as (select batch_id, sum(rows) as rows, "
            "sum(case when outcome = 'quarantined' then rows else 0 end) as quarantined "
            "from counts where batch_id in (select batch_id from waiting) group by batch_id) "
            "select feed, count(*) as files from shares join batches using (batch_id) "
            "where quarantined * 2 >= rows and quarantined > 0 group by feed",
            quarantine,
        )
        return {r["feed"]: r["files"] for r in rows}


def reconcile(change: Commit) -> None:
    """Check that the counts of each source add up to the rows read.

    Raises:
        ReconciliationError: The counts of a source do not add up.
    """
    for source, read in change.rows_read.items():
        accounted = sum(count.rows for count in change.counts if count.source == source)
        if accounted != read:
            raise ReconciliationError(source, read, accounted)
