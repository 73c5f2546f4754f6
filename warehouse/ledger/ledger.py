"""The ledger: which files are live, what each batch did. Its commit is the only commit.

SQLite in WAL mode with full synchronisation, so that a commit is atomic across processes and
survives a crash. It holds file names, counts and keyed hashes; never a row, never a value.
"""

import json
import os
import sqlite3
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from warehouse.errors import (
    ClockError,
    ConflictError,
    DuplicateBatchError,
    ReconciliationError,
    RulesChangedError,
)
from warehouse.ledger.schema import create_schema

# How long a process waits for another one that is writing.
_BUSY_S = 60
# How often it waits so long for readers when the log must be emptied; at its own end at the latest it is.
_CHECKPOINTS = 3


@dataclass(frozen=True, slots=True)
class Part:
    """One store file.

    Attributes:
        path: Relative to the data directory.
        partition: Hive path, e.g. `event_date=2026-03-01/retention_days=90`.
        key_name: The Parquet key that encrypts it.
        columns: Names of the columns in the file; older files may lack newer columns.
        hold: Name of the legal hold that keeps it out of sight; None = an ordinary file.
    """

    path: str
    source: str
    partition: str
    key_name: str
    rows: int
    bytes: int
    batch_id: str
    columns: tuple[str, ...] = ()
    event_date: date | None = None
    retention_days: int | None = None
    hold: str | None = None


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


class Ledger:
    """Open handle on the ledger. Threads may share it: each has its own connections. A fork may not use it.

    While it is open, nothing else in the process may open the file: POSIX locks end with the first
    descriptor that is closed.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path
        self._held = threading.local()
        self._process = os.getpid()
        connection = self._connection("writer")
        _use_write_ahead_log(connection)
        create_schema(connection)

    def _connection(self, use: str) -> sqlite3.Connection:
        """The connection of this thread for one use, kept open: opening one costs more than most queries.

        One of a file that another one has replaced is not used.
        """
        if os.getpid() != self._process:
            raise RuntimeError("a forked process needs a ledger of its own")
        held: dict[str, tuple[int, sqlite3.Connection]] = self._held.__dict__
        if use in held and held[use][0] == self._file():
            return held[use][1]
        connection = sqlite3.connect(
            self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        connection.execute("pragma synchronous = full")
        connection.execute("pragma secure_delete = on")
        connection.row_factory = sqlite3.Row
        # Also at the end of the process, so that the last one to leave empties the write-ahead log.
        weakref.finalize(self, connection.close)
        held[use] = (self._file(), connection)
        return connection

    def _file(self) -> int:
        return self._path.stat().st_ino if self._path.exists() else 0

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write something else in one transaction; on an exception nothing of it stays."""
        connection = self._connection("writer")
        connection.execute("begin immediate")
        try:
            yield connection
        except BaseException:
            connection.execute("rollback")
            raise
        connection.execute("commit")

    def checkpoint(self) -> None:
        """Empty the write-ahead log, which keeps copies of what was erased."""
        for _ in range(_CHECKPOINTS):
            done = self._connection("writer").execute("pragma wal_checkpoint(truncate)").fetchone()
            if not done["busy"]:
                return

    def read(self, sql: str, *parameters: object) -> list[sqlite3.Row]:
        """Rows of a query that changes nothing; within a transaction, as they were before it."""
        return self._connection("reader").execute(sql, parameters).fetchall()

    def advance_clock(self, as_of: datetime) -> None:
        """Move the warehouse's clock forward to ``as_of`` (naive UTC).

        Raises:
            ClockError: It has reached a later day already. Within one day any order will do.
        """
        with self.transaction() as connection:
            row = connection.execute("select value from meta where name = 'as_of'").fetchone()
            reached = datetime.fromisoformat(row["value"]) if row else None
            if reached and as_of.date() < reached.date():
                raise ClockError(as_of, reached)
            if reached is None or as_of > reached:
                connection.execute("replace into meta values ('as_of', ?)", (as_of.isoformat(),))

    def clock(self) -> datetime | None:
        """The latest ``as_of`` so far (naive UTC), or None in a new warehouse."""
        rows = self.read("select value from meta where name = 'as_of'")
        return datetime.fromisoformat(rows[0]["value"]) if rows else None

    def generation(self) -> int:
        """Number of the last commit; 0 in a new warehouse."""
        rows = self.read("select value from meta where name = 'generation'")
        return int(rows[0]["value"]) if rows else 0

    def has_batch(self, feed: str, content_hash: str) -> bool:
        """Whether a file of this content was committed for this feed."""
        return bool(
            self.read("select 1 from batches where feed = ? and content_hash = ?", feed, content_hash)
        )

    def live_parts(self, source: str | None = None, *, under: str = "") -> list[Part]:
        """Live store files, of one source or all, whose partition starts with ``under``; by path.

        Without those that only a legal hold keeps: nobody may use them.
        """
        rows = self.read(
            "select * from parts where removed is null and hold is null and (? is null or source = ?) "
            "and substr(partition, 1, length(?)) = ? order by path",
            *(source, source, under, under),
        )
        return [_part(row) for row in rows]

    def sources(self) -> frozenset[str]:
        """Data sets of which there are files, held ones included."""
        rows = self.read("select distinct source from parts where removed is null")
        return frozenset(r["source"] for r in rows)

    def live_classes(self) -> list[tuple[str, int]]:
        """(data set, retention class) pairs of which there are files by day."""
        rows = self.read(
            "select distinct source, retention_days from parts "
            "where removed is null and hold is null and event_date is not null order by 1, 2"
        )
        return [(r["source"], r["retention_days"]) for r in rows]

    def parts_through(self, source: str, retention_days: int, day: date, *, after: date) -> list[Part]:
        """Live files of one class whose event day is later than ``after`` and not later than ``day``."""
        rows = self.read(
            "select * from parts where removed is null and hold is null and source = ? "
            "and retention_days = ? and event_date > ? and event_date <= ? order by path",
            *(source, retention_days, after.isoformat(), day.isoformat()),
        )
        return [_part(row) for row in rows]

    def held_parts(self) -> list[Part]:
        """Store files that only a legal hold keeps, by path."""
        rows = self.read("select * from parts where removed is null and hold is not null order by path")
        return [_part(row) for row in rows]

    def removed_parts(self, *, before: int, removed_before: datetime) -> list[Part]:
        """Files hidden but not unlinked that no reader needs any more.

        Hidden at generation ``before`` or earlier, or longer ago than the longest lease.
        """
        rows = self.read(
            "select * from parts where removed is not null and unlinked_at is null "
            "and (removed <= ? or removed_at < ?) order by path",
            *(before, removed_before.isoformat()),
        )
        return [_part(row) for row in rows]

    def commit(self, change: Commit) -> int:
        """Apply one change, or nothing of it; return the new generation.

        Raises:
            DuplicateBatchError: The same content was committed for the feed before.
            ConflictError: A watched partition got a part after ``snapshot``, or a part to be removed
                is not live any more. Read again and retry.
            ReconciliationError: The counts of a source do not add up to the rows read.
        """
        reconcile(change)
        now = _now()
        with self.transaction() as connection:
            duplicate = connection.execute(
                "select 1 from batches where feed = ? and content_hash = ?",
                (change.feed, change.content_hash),
            ).fetchone()
            if duplicate:
                raise DuplicateBatchError
            _check_epoch(connection, change)
            _check_conflicts(connection, change)
            row = connection.execute("select value from meta where name = 'generation'").fetchone()
            generation = int(row["value"]) + 1 if row else 1
            connection.execute("replace into meta values ('generation', ?)", (str(generation),))
            if change.feed is not None:
                connection.execute(
                    "insert into batches values (?, ?, ?, ?, ?, ?)",
                    (
                        change.batch_id,
                        change.feed,
                        change.content_hash,
                        change.as_of.isoformat(),
                        now,
                        generation,
                    ),
                )
                connection.executemany(
                    "insert into counts values (?, ?, ?, ?, ?)",
                    [(change.batch_id, c.source, c.outcome, c.reason, c.rows) for c in change.counts],
                )
            connection.executemany(
                "insert into parts (path, source, partition, key_name, event_date, retention_days, rows, "
                "bytes, columns, batch_id, added, hold) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        p.path,
                        p.source,
                        p.partition,
                        p.key_name,
                        p.event_date and p.event_date.isoformat(),
                        p.retention_days,
                        p.rows,
                        p.bytes,
                        ",".join(p.columns),
                        p.batch_id,
                        generation,
                        p.hold,
                    )
                    for p in change.added
                ],
            )
            connection.executemany(
                "update parts set removed = ?, removed_at = ?, removed_why = ? where path = ?",
                [(generation, now, why, part.path) for part, why in change.removed.items()],
            )
            if change.feed is not None:
                connection.executemany(
                    "replace into dirty_days values (?, ?, ?)",
                    {(p.source, p.event_date.isoformat(), generation) for p in change.added if p.event_date},
                )
            if change.also is not None:
                change.also(connection, generation)
        return generation

    def known_paths(self) -> frozenset[str]:
        """Paths of all files that are live or wait for their removal."""
        return frozenset(r["path"] for r in self.read("select path from parts where unlinked_at is null"))

    def mark_unlinked(self, parts: Sequence[Part], *, destroyed: Sequence[str] = ()) -> None:
        """Record that the files of removed parts are gone from disk, and the keys that went with them."""
        with self.transaction() as connection:
            connection.executemany(
                "update parts set unlinked_at = ? where path = ?", [(_now(), p.path) for p in parts]
            )
            connection.executemany(
                "insert into destroyed_keys values (?, ?)", [(name, _now()) for name in destroyed]
            )

    def log_access(self, what: str) -> None:
        """Record that somebody opened the restricted zone; what with, never what for."""
        with self.transaction() as connection:
            connection.execute("insert into access_log values (?, ?)", (_now(), what))

    def key_names(self) -> list[str]:
        """Names of all Parquet keys that files on disk need."""
        rows = self.read("select distinct key_name from parts where unlinked_at is null")
        return [r["key_name"] for r in rows]

    def unused_keys(self, names: Collection[str], *, besides: Sequence[Part] = ()) -> list[str]:
        """Those of some keys that no file on disk needs, apart from some files; in order of name."""
        leaving = Counter(part.key_name for part in besides)
        used = "select count(*) as files from parts where key_name = ? and unlinked_at is null"
        return sorted(name for name in set(names) if self.read(used, name)[0]["files"] <= leaving[name])

    def dirty_days(self) -> list[tuple[str, date]]:
        """(source, event day) pairs changed since they were last closed, oldest first."""
        rows = self.read("select source, event_date from dirty_days order by event_date, source")
        return [(r["source"], date.fromisoformat(r["event_date"])) for r in rows]

    def clear_dirty_days(self, *, until: date, generation: int) -> None:
        """Forget changes of days up to ``until`` that were seen at ``generation``."""
        with self.transaction() as connection:
            connection.execute(
                "delete from dirty_days where event_date <= ? and generation <= ?",
                (until.isoformat(), generation),
            )

    def built_until(self) -> date | None:
        """The newest event day whose slice is in the cubes."""
        rows = self.read("select value from meta where name = 'built_until'")
        return date.fromisoformat(rows[0]["value"]) if rows else None

    def set_built_until(self, day: date) -> None:
        """Record that all slices up to ``day`` are in the cubes."""
        with self.transaction() as connection:
            connection.execute("replace into meta values ('built_until', ?)", (day.isoformat(),))

    def unsound_marts(self) -> frozenset[str]:
        """Models and tests that failed in their last build; while there are any, nothing is published."""
        rows = self.read("select value from meta where name = 'unsound_marts'")
        return frozenset(json.loads(rows[0]["value"])) if rows else frozenset()

    def set_unsound_marts(self, names: Collection[str]) -> None:
        """Record which models and tests failed in their last build."""
        with self.transaction() as connection:
            connection.execute("replace into meta values ('unsound_marts', ?)", (json.dumps(sorted(names)),))

    def mark_demo(self) -> None:
        """Record that this warehouse holds generated data only."""
        with self.transaction() as connection:
            connection.execute("replace into meta values ('demo', 'true')")

    def is_demo(self) -> bool:
        """Whether this warehouse holds generated data only."""
        return bool(self.read("select 1 from meta where name = 'demo'"))

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

    def live_days(self, source: str) -> list[tuple[date, int]]:
        """(event day, rows) of one source, oldest first."""
        rows = self.read(
            "select event_date, sum(rows) as rows from parts "
            "where source = ? and removed is null and hold is null and event_date is not null "
            "group by event_date order by event_date",
            source,
        )
        return [(date.fromisoformat(r["event_date"]), r["rows"]) for r in rows]

    def rows_by_fate(self, source: str) -> dict[str, int]:
        """Rows of all files a source ever had: under `live`, or under why they or their file was removed."""
        rows = self.read(
            "select fate, sum(rows) as rows from ("
            "select coalesce(removed_why, 'live') as fate, rows from parts where source = ? "
            "union all select fate, rows from row_fates where source = ?) group by 1 order by 1",
            *(source, source),
        )
        return {r["fate"]: r["rows"] for r in rows}

    def last_arrival(self, feed: str) -> datetime | None:
        """The clock (naive UTC) at the last file of a feed; None if there was none yet."""
        rows = self.read("select max(as_of) as at from batches where feed = ?", feed)
        return datetime.fromisoformat(rows[0]["at"]) if rows[0]["at"] else None


@retry(
    retry=retry_if_exception_type(sqlite3.OperationalError),
    stop=stop_after_delay(_BUSY_S),
    wait=wait_fixed(0.01),
    reraise=True,
)
def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch a new ledger to it; another process may do so at the same moment.

    SQLite does not wait for the other then, as it does for everything else, but fails at once.
    """
    connection.execute("pragma journal_mode = wal")


def reconcile(change: Commit) -> None:
    """Check that the counts of each source add up to the rows read.

    Raises:
        ReconciliationError: They do not.
    """
    for source, read in change.rows_read.items():
        accounted = sum(count.rows for count in change.counts if count.source == source)
        if accounted != read:
            raise ReconciliationError(source, read, accounted)


def _check_epoch(connection: sqlite3.Connection, change: Commit) -> None:
    row = connection.execute("select value from meta where name = 'retention_epoch'").fetchone()
    if change.epoch is not None and change.epoch != (int(row["value"]) if row else 0):
        raise RulesChangedError


def _check_conflicts(connection: sqlite3.Connection, change: Commit) -> None:
    newer = {
        (row["source"], row["partition"])
        for row in connection.execute(
            "select source, partition from parts where added > ?", (change.snapshot,)
        )
    }
    clashes = [f"{s}/{p}" for s, p in newer if any(s == ws and p.startswith(wp) for ws, wp in change.watched)]
    for part in change.removed:
        live = connection.execute(
            "select 1 from parts where path = ? and removed is null", (part.path,)
        ).fetchone()
        if not live:
            clashes.append(f"{part.source}/{part.partition}")
    if clashes:
        raise ConflictError(sorted(set(clashes)))


def _part(row: sqlite3.Row) -> Part:
    return Part(
        path=row["path"],
        source=row["source"],
        partition=row["partition"],
        key_name=row["key_name"],
        rows=row["rows"],
        bytes=row["bytes"],
        batch_id=row["batch_id"],
        columns=tuple(row["columns"].split(",")),
        event_date=date.fromisoformat(row["event_date"]) if row["event_date"] else None,
        retention_days=row["retention_days"],
        hold=row["hold"],
    )


def _now() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat()
