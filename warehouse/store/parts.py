"""Writing the store: encrypted Parquet by partition, visible only once the ledger commits.

A batch buffers anonymized rows, flushes them as one part per partition and commits once, at its end.
Nothing else can see a part before that; what a crash leaves behind is an orphan, swept later.
"""

import secrets
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from warehouse.errors import ConflictError, RowsError, StoreError
from warehouse.files import fsync_directory, fsync_file
from warehouse.home import Home
from warehouse.keys.keyring import Purpose
from warehouse.keys.locks import reader_lease, writer_lease
from warehouse.ledger.batches import Commit, Count, Merge, reconcile
from warehouse.ledger.ledger import Ledger
from warehouse.ledger.parts import Part
from warehouse.store.connection import Engine, quoted
from warehouse.store.views import raw_scan

# Enough rows for parts of some 10 MB; the bound on memory, whatever the size of the input.
FLUSH_ROWS = 300_000
FLUSH_BYTES = 128 * 1024 * 1024
# Columns that a partition's path holds, not its files.
_OF_PARTITION = ("event_date", "retention_days")


@dataclass(frozen=True, slots=True)
class EventSet:
    """What the store needs to know of an event data set.

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


class StoreWriter:
    """Adds event rows to the store, all or nothing; made by `writing`."""

    def __init__(self, home: Home, *, ledger: Ledger, engine: Engine, batch_id: str) -> None:
        self._home = home
        self._ledger = ledger
        self._engine = engine
        self._connection = engine.cursor()
        self._snapshot = ledger.generation()
        self._buffers: dict[EventSet, _Buffer] = defaultdict(_Buffer)
        self._parts: list[Part] = []
        self._sets: dict[str, EventSet] = {}
        self._kept: Counter[str] = Counter()
        self._duplicates: Counter[str] = Counter()
        self.batch_id = batch_id

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
        """Write what is left and say what there is to commit.

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
            with _translated(part.source):
                self._connection.execute(
                    f"create or replace temp table fresh as from ({rows}) anti join "
                    f"({self._scan(committed, columns=(events.id_column,))}) using ({events.id_column})"
                )
            kept = self._count("fresh")
            if kept == part.rows:
                continue
            self._discard([part])
            self._parts.remove(part)
            self._kept[part.source] -= part.rows - kept
            self._duplicates[part.source] += part.rows - kept
            if kept:
                self._parts.append(self._write(replace(part, rows=kept), "select * from fresh"))
        self._snapshot = generation

    def close(self, *, committed: bool) -> None:
        """Free the connection; unless committed, remove every file written."""
        self._connection.close()
        if not committed:
            discard_uncommitted(self._home, self._ledger, self._parts)

    def _flush(self) -> None:
        for events, buffer in self._buffers.items():
            if buffer.rows:
                table = pa.concat_tables(buffer.tables)
                buffer.tables.clear()
                buffer.rows = buffer.bytes = 0
                with _translated(events.source):
                    self._flush_source(events, table)
                del table

    def _flush_source(self, events: EventSet, incoming: pa.Table) -> None:
        self._connection.register("incoming", incoming)
        if events.id_column is None:
            self._connection.execute("create or replace temp table fresh as select * from incoming")
        else:
            dates = self._connection.execute("select distinct event_date from incoming").fetchall()
            known = [
                part
                for (day,) in dates
                for part in self._ledger.live_parts(events.source, under=f"event_date={day}/")
            ] + [
                part
                for part in self._parts
                if part.source == events.source and (part.event_date,) in set(dates)
            ]
            id_ = events.id_column
            self._connection.execute(
                "create or replace temp table fresh as "
                f"from (from incoming qualify row_number() over (partition by {id_}) = 1) "
                f"anti join ({self._scan(known, columns=(id_,))}) using ({id_}) "
                "order by event_date, retention_days, workspace_id"
            )
        self._connection.unregister("incoming")
        columns = tuple(name for name in incoming.column_names if name not in _OF_PARTITION)
        partitions = self._connection.execute(
            "select event_date, retention_days, count(*) from fresh group by all order by all"
        ).fetchall()
        for day, retention_days, rows in partitions:
            template = Part(
                path="",
                source=events.source,
                partition=f"event_date={day}/retention_days={retention_days}",
                key_name=f"{events.key_prefix}.{day:%Y-%m}.{retention_days}",
                rows=rows,
                bytes=0,
                batch_id=self.batch_id,
                columns=columns,
                event_date=day,
                retention_days=retention_days,
            )
            query = (
                f"select * exclude ({', '.join(_OF_PARTITION)}) from fresh "
                f"where event_date = date '{day}' and retention_days = {int(retention_days)}"
            )
            self._parts.append(self._write(template, query))
        kept = sum(rows for _, _, rows in partitions)
        self._kept[events.source] += kept
        self._duplicates[events.source] += incoming.num_rows - kept
        self._connection.execute("drop table fresh")

    def _write(self, template: Part, query: str) -> Part:
        return write_part(self._connection, template, query, home=self._home, engine=self._engine)

    def _scan(self, parts: Sequence[Part], *, columns: Sequence[str] = ()) -> str:
        self._engine.add_keys(self._connection, (part.key_name for part in parts))
        return raw_scan(parts, data=self._home.data, columns=columns)

    def _count(self, table: str) -> int:
        row = self._connection.execute(f"select count(*) from {table}").fetchone()
        return int(row[0]) if row else 0

    def _discard(self, parts: Iterable[Part]) -> None:
        for part in parts:
            (self._home.data / part.path).unlink(missing_ok=True)


def write_part(
    connection: duckdb.DuckDBPyConnection, template: Part, query: str, *, home: Home, engine: Engine
) -> Part:
    """Write the rows of a query as one encrypted, durable file; return its part, not yet committed.

    Written under a temporary name, synced, renamed, its directory synced.

    Args:
        template: The part but for path and bytes; its columns where the caller knows them, else none.

    Raises:
        RowsError: The query gives another number of rows than the template says. No file is left.
    """
    engine.keyring.get(Purpose.PARQUET, template.key_name)
    engine.add_keys(connection, [template.key_name])
    name = f"part-{template.batch_id}-{secrets.token_hex(4)}.parquet"
    relative = Path("store") / template.source / template.partition / name
    target = home.data / relative
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = target.with_name(f".{name}.tmp")
    try:
        ((rows,),) = connection.execute(
            f"copy ({query}) to {quoted(str(temporary))} (format parquet, compression zstd, "
            f"encryption_config {{footer_key: {quoted(template.key_name)}}})"
        ).fetchall()
        if rows != template.rows:
            raise RowsError(template.source, rows, template.rows)
        fsync_file(temporary)
        temporary.rename(target)
        fsync_directory(target.parent)
    finally:
        temporary.unlink(missing_ok=True)
    columns = template.columns or tuple(
        column[0] for column in connection.execute(f"{query} limit 0").description or ()
    )
    return replace(template, path=str(relative), bytes=target.stat().st_size, columns=columns)


def discard_uncommitted(home: Home, ledger: Ledger, parts: Iterable[Part]) -> None:
    """Unlink files after an error, but none that the ledger lists.

    The error may have come after the commit (an interrupt, a full disk): then the files are the only copy.
    """
    listed = ledger.known_paths()
    for part in parts:
        if part.path not in listed:
            (home.data / part.path).unlink(missing_ok=True)


class DryRunDone(Exception):  # noqa: N818  it takes a batch back as an error would, but is none
    """A dry run got as far as the commit; carries the counts it would have committed."""

    def __init__(self, counts: Sequence[Count]) -> None:
        super().__init__("dry run: nothing was committed")
        self.counts = tuple(counts)


@contextmanager
def writing(home: Home, *, ledger: Ledger, engine: Engine, batch_id: str) -> Iterator[StoreWriter]:
    """Open a writer for one batch; what is not committed inside leaves no file behind."""
    # It reads what is live while others compact and sweep.
    with writer_lease(home.locks, batch_id), reader_lease(home.locks, ledger.generation()):
        writer = StoreWriter(home, ledger=ledger, engine=engine, batch_id=batch_id)
        committed = False
        try:
            yield writer
            committed = True
        finally:
            writer.close(committed=committed)


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

    Optimistic: if another batch touched the same days meanwhile, compare with it and try again.

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


@contextmanager
def _translated(source: str) -> Iterator[None]:
    """DuckDB's errors may quote values: say the place and the kind, never the text."""
    try:
        yield
    except duckdb.Error as error:
        raise StoreError(source, f"the store could not be written ({type(error).__name__})") from None
