"""Write event rows to the store: encrypted Parquet by partition, visible only once the ledger commits.

A batch buffers anonymized rows, flushes them as one part per partition and commits once, at its end.
Nothing else can see a part before that; what a crash leaves behind is an orphan, swept later.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

import pyarrow as pa

from warehouse.errors import ConflictError
from warehouse.home import Home
from warehouse.keys.locks import reader_lease, writer_lease
from warehouse.ledger.batches import Commit, Count, Merge, reconcile
from warehouse.ledger.ledger import Ledger
from warehouse.ledger.parts import Part
from warehouse.store.connection import Engine, number, without_values
from warehouse.store.part_files import PartWriter

# Enough rows for parts of some 10 MB; the bound on memory, whatever the size of the input.
FLUSH_ROWS = 300_000
FLUSH_BYTES = 128 * 1024 * 1024
_UNWRITTEN = "the store could not be written"
# Columns that a partition's path holds, not its files.
_OF_PARTITION = ("event_date", "retention_days")


@dataclass(frozen=True, slots=True)
class EventSet:
    """Hold what the store needs to know of an event data set.

    Attributes:
        key_prefix: Policy category; the Parquet key is category x event month x retention class.
    """

    source: str
    key_prefix: str
    id_column: str | None = "event_id"


@dataclass(slots=True)
class _Buffer:
    tables: list[pa.Table] = field(default_factory=list)
    rows: int = 0
    bytes: int = 0


class StoreWriter(PartWriter):
    """Add event rows to the store, all or nothing; made by `writing`."""

    def __init__(self, home: Home, *, ledger: Ledger, engine: Engine, batch_id: str) -> None:
        super().__init__(home, ledger=ledger, engine=engine, batch_id=batch_id)
        self._snapshot = ledger.generation()
        self._buffers: dict[EventSet, _Buffer] = defaultdict(_Buffer)
        self._sets: dict[str, EventSet] = {}
        self._kept: Counter[str] = Counter()
        self._duplicates: Counter[str] = Counter()

    def append(self, events: EventSet, rows: pa.Table) -> None:
        """Take rows with their `event_date` and `retention_days`; written when enough have come."""
        if not rows.num_rows:
            return
        self._sets[events.source] = events
        buffer = self._buffers[events]
        buffer.tables.append(rows)
        buffer.rows += rows.num_rows
        buffer.bytes += rows.nbytes
        if sum(b.rows for b in self._buffers.values()) >= FLUSH_ROWS or (
            sum(b.bytes for b in self._buffers.values()) >= FLUSH_BYTES
        ):
            self._flush()

    def finish(self) -> tuple[list[Part], list[Count], frozenset[tuple[str, str]], int]:
        """Write the rows that are left, and return what there is to commit.

        Returns:
            Parts, counts of kept and duplicate rows, the partitions that the result depends on, and the
            generation it was compared with.
        """
        self._flush()
        counts = [Count(s, "kept", "", n) for s, n in self._kept.items() if n]
        counts += [Count(s, "duplicate", "", n) for s, n in self._duplicates.items() if n]
        watched = frozenset(
            (p.source, f"event_date={p.event_date}/")
            for p in self._parts
            if p.event_date and self._sets[p.source].id_column
        )
        return list(self._parts), counts, watched, self._snapshot

    def catch_up(self) -> None:
        """Drop rows that other batches committed since the snapshot, so that the commit can be retried."""
        generation = self._ledger.generation()
        for part in list(self._parts):
            events = self._sets[part.source]
            if events.id_column is None or part.event_date is None:
                continue
            committed = self._ledger.live_parts(part.source, under=f"event_date={part.event_date}/")
            rows = self._scan([part])
            with without_values(part.source, _UNWRITTEN):
                self._connection.execute(
                    f"create or replace temp table fresh as from ({rows}) anti join "
                    f"({self._scan(committed, columns=(events.id_column,))}) using ({events.id_column})"
                )
            kept = number(self._connection, "select count(*) from fresh")
            if kept == part.rows:
                continue
            (self._home.data / part.path).unlink(missing_ok=True)
            self._parts.remove(part)
            self._kept[part.source] -= part.rows - kept
            self._duplicates[part.source] += part.rows - kept
            if kept:
                self._write(replace(part, rows=kept), "select * from fresh")
        self._snapshot = generation

    def _flush(self) -> None:
        for events, buffer in self._buffers.items():
            if buffer.rows:
                table = pa.concat_tables(buffer.tables)
                buffer.tables.clear()
                buffer.rows = buffer.bytes = 0
                with without_values(events.source, _UNWRITTEN):
                    self._flush_source(events, table)
                del table

    def _flush_source(self, events: EventSet, incoming: pa.Table) -> None:
        """Write rows of one data set that are not stored yet, one part per partition."""
        self._connection.register("incoming", incoming)
        self._connection.execute(f"create or replace temp table fresh as {self._fresh_sql(events, incoming)}")
        self._connection.unregister("incoming")
        columns = tuple(name for name in incoming.column_names if name not in _OF_PARTITION)
        partitions = self._connection.execute(
            "select event_date, retention_days, count(*) from fresh group by all order by all"
        ).fetchall()
        for day, retention_days, rows in partitions:
            template = Part(
                source=events.source,
                partition=f"event_date={day}/retention_days={retention_days}",
                key_name=f"{events.key_prefix}.{day:%Y-%m}.{retention_days}",
                rows=rows,
                batch_id=self.batch_id,
                columns=columns,
                event_date=day,
                retention_days=retention_days,
            )
            query = (
                f"select * exclude ({', '.join(_OF_PARTITION)}) from fresh "
                f"where event_date = date '{day}' and retention_days = {int(retention_days)}"
            )
            self._write(template, query)
        kept = sum(rows for _, _, rows in partitions)
        self._kept[events.source] += kept
        self._duplicates[events.source] += incoming.num_rows - kept
        self._connection.execute("drop table fresh")

    def _fresh_sql(self, events: EventSet, incoming: pa.Table) -> str:
        """Return a query for the incoming rows whose ids are neither stored nor written by this batch."""
        id_ = events.id_column
        if id_ is None:
            return "select * from incoming"
        days = set(incoming["event_date"].unique().to_pylist())
        known = [
            part
            for day in days
            for part in self._ledger.live_parts(events.source, under=f"event_date={day}/")
        ]
        known += [p for p in self._parts if p.source == events.source and p.event_date in days]
        return (
            f"from (from incoming qualify row_number() over (partition by {id_}) = 1) "
            f"anti join ({self._scan(known, columns=(id_,))}) using ({id_}) "
            "order by event_date, retention_days, workspace_id"
        )


class DryRunDone(Exception):  # noqa: N818  it takes a batch back as an error would, but is none
    """Report that a dry run got as far as the commit; carry the counts it would have committed."""

    def __init__(self, counts: Sequence[Count]) -> None:
        super().__init__("dry run: nothing was committed")
        self.counts = tuple(counts)


@contextmanager
def writing(home: Home, *, ledger: Ledger, engine: Engine, batch_id: str) -> Iterator[StoreWriter]:
    """Open a writer for one batch; what is not committed inside leaves no file behind."""
    with (
        writer_lease(home.locks, batch_id),
        # The writer reads what is live while others compact and sweep.
        reader_lease(home.locks, ledger.generation()),
        StoreWriter(home, ledger=ledger, engine=engine, batch_id=batch_id) as writer,
    ):
        yield writer


def commit_batch(
    writer: StoreWriter,
    ledger: Ledger,
    *,
    as_of: datetime,
    feed: str,
    content_hash: str,
    rows_read: Mapping[str, int],
    counts: Sequence[Count],
    uncounted: frozenset[str] = frozenset(),
    merge: Merge | None = None,
    removed: Sequence[Part] = (),
    epoch: int | None = None,
    dry_run: bool = False,
    also: Callable[[sqlite3.Connection, int], None] | None = None,
) -> list[Count]:
    """Commit what a writer holds, with the rows counted elsewhere; return all counts.

    If another batch touched the same days meanwhile, the rows are compared with it and committed again.

    Args:
        uncounted: Data sets whose rows stand for rows that are counted elsewhere.
        merge: Rewritten entity partitions to commit with it.
        removed: Files that this batch replaces.
        epoch: Retention's epoch in which rows were sorted out.
        dry_run: Check everything, then raise instead of committing.
        also: More to write in the same transaction.

    Raises:
        ConflictError: Another batch rewrote one of the merge's partitions: merge again, and call it again. Or
            one of the removed files is not live any more.
        RulesChangedError: Another epoch began; sort the rows out again.
        DryRunDone: It was a dry run, and would have gone through.
    """
    while True:
        parts, own, watched, snapshot = writer.finish()
        own = [count for count in own if count.source not in uncounted]
        change = Commit(
            batch_id=writer.batch_id,
            as_of=as_of,
            snapshot=min(snapshot, merge.snapshot) if merge else snapshot,
            feed=feed,
            content_hash=content_hash,
            rows_read=rows_read,
            counts=(*own, *counts),
            added=(*parts, *(merge.added if merge else ())),
            removed=dict.fromkeys((*removed, *(merge.removed if merge else ())), "replaced"),
            watched=watched | (merge.watched if merge else frozenset()),
            epoch=epoch,
            also=also,
        )
        if dry_run:
            reconcile(change)
            raise DryRunDone(change.counts)
        try:
            ledger.commit(change)
        except ConflictError:
            writer.catch_up()
            if merge or removed:
                raise
            continue
        return list(change.counts)
