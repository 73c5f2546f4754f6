"""Entities: their latest state only, in small partitions that are rewritten whole.

A partition is one of 256 buckets by workspace, or the month of a financial row. Each rewrite has a
key of its own, so that the state it replaces becomes unreadable when its file goes. What the source
deletes is blanked; where a legal hold keeps it, a copy goes out of sight under the hold's key.
"""

import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa

from warehouse.errors import ShrinkError, StoreError
from warehouse.home import Home
from warehouse.ledger.batches import Count, Merge
from warehouse.ledger.ledger import Ledger
from warehouse.ledger.parts import Part
from warehouse.store.connection import Engine, identifier, quoted
from warehouse.store.parts import discard_uncommitted, write_part
from warehouse.store.views import raw_scan

# Columns of rows `old` → SQL for the name of the legal hold that keeps one, or null.
HoldSql = Callable[[Collection[str]], str]

# A full export that loses more than this share of the rows is more likely broken than meant.
LARGEST_SHRINK = 0.5


@dataclass(frozen=True, slots=True)
class EntitySet:
    """What the store needs to know of an entity data set.

    Attributes:
        key_prefix: Policy category, first part of the keys' names.
        columns: Name and type of the stored columns.
        version: Column that says which state of a row is newer.
        month_of: Time column whose month is the partition; None for buckets by workspace.
        outlives_deletion: Columns that the marker of a deleted row keeps.
    """

    source: str
    key_prefix: str
    columns: tuple[tuple[str, str], ...]
    version: str
    month_of: str | None = None
    outlives_deletion: tuple[str, ...] = ()

    @property
    def follows_deletions(self) -> bool:
        """Whether the source says what was deleted; then absence from a full export says it too."""
        return any(name == "deleted_at" for name, _ in self.columns)


class EntityWriter:
    """Collects the rows of one export and merges them into the latest state."""

    def __init__(
        self, home: Home, *, entities: EntitySet, ledger: Ledger, engine: Engine, batch_id: str
    ) -> None:
        self._home = home
        self._set = entities
        self._ledger = ledger
        self._engine = engine
        self._batch_id = batch_id
        self._written: list[Part] = []
        # What does not fit into memory spills to the private directory, encrypted.
        self._connection = engine.cursor()
        columns = ", ".join(f"{identifier(name)} {type_}" for name, type_ in entities.columns)
        self._connection.execute(f"create temp table incoming ({columns})")

    def append(self, rows: pa.Table) -> None:
        """Take anonymized rows in the stored columns, any order."""
        try:
            self._connection.register("more", rows)
            self._connection.execute("insert into incoming by name select * from more")
            self._connection.unregister("more")
        except duckdb.Error as error:
            raise StoreError(self._set.source, f"rows were not accepted ({type(error).__name__})") from None

    def merge(
        self,
        *,
        full: bool,
        allow_shrink: bool,
        spared: Collection[str] = (),
        keeping: HoldSql | None = None,
    ) -> Merge:
        """Rewrite the partitions that the export touches; nothing is visible until committed.

        Of each entity the newest version stays, of two equal ones the incoming; deleted ones leave a
        marker of their keyed id and time, so that an older export cannot bring them back.

        Args:
            full: The export holds every living entity: what is absent, and not newer, is deleted.
            spared: Workspaces whose rows were taken out of the export: absence says nothing of them.
            keeping: Holds under which rows are kept that the source deletes.

        Raises:
            ShrinkError: A full export would delete more than half, and ``allow_shrink`` is not set.
        """
        full = full and self._set.follows_deletions
        try:
            return self._merge(full=full, allow_shrink=allow_shrink, spared=spared, keeping=keeping)
        except duckdb.Error as error:
            raise StoreError(self._set.source, f"the merge failed ({type(error).__name__})") from None

    def close(self, *, committed: bool) -> None:
        """Free the connection; unless committed, remove every file written."""
        self._connection.close()
        if not committed:
            discard_uncommitted(self._home, self._ledger, self._written)

    def _merge(
        self, *, full: bool, allow_shrink: bool, spared: Collection[str], keeping: HoldSql | None
    ) -> Merge:
        execute = self._connection.execute
        for part in self._written:  # of an attempt that met a conflict
            (self._home.data / part.path).unlink(missing_ok=True)
        self._written.clear()
        snapshot = self._ledger.generation()
        total, newest, arrived = execute(
            f"select count(*), max({self._set.version}), max(received_at) from incoming"
        ).fetchall()[0]
        absence = _Absence(newest, max(newest, arrived), spared) if full and newest else None
        touched = {
            partition
            for (partition,) in execute(f"select distinct {self._partition_sql()} from incoming").fetchall()
        }
        removed = [
            part for part in self._ledger.live_parts(self._set.source) if full or part.partition in touched
        ]
        execute(f"create or replace temp table merged as {self._merged_sql(removed, absence)}")
        if full and not allow_shrink:
            self._check_shrink(removed)
        for partition, rows in execute(
            "select _partition, count(*) from merged group by all order by all"
        ).fetchall():
            self._write(partition, rows)
        if keeping is not None and removed and self._set.follows_deletions:
            self._keep_deleted(removed, keeping)
        (won,) = execute("select count(*) from merged where _incoming").fetchall()[0]
        counts = [
            Count(self._set.source, "kept", "", won),
            Count(self._set.source, "duplicate", "superseded", total - won),
        ]
        return Merge(
            added=tuple(self._written),
            removed=tuple(removed),
            watched=frozenset((self._set.source, p) for p in touched | {part.partition for part in removed}),
            snapshot=snapshot,
            counts=tuple(count for count in counts if count.rows),
        )

    def _check_shrink(self, existing: Sequence[Part]) -> None:
        before, after = (
            self._connection.execute(f"select count(*) from ({rows}) where deleted_at is null").fetchall()[0][
                0
            ]
            for rows in (self._scan(existing, columns=("deleted_at",)), "from merged")
        )
        if after < before * LARGEST_SHRINK:
            raise ShrinkError(self._set.source, before, after)

    def _merged_sql(self, existing: Sequence[Part], absence: "_Absence | None") -> str:
        """The state of the touched partitions after the export, in the order in which it is written."""
        new = "select *, true as _incoming from incoming"
        old = (
            f" union all by name select *, false as _incoming from ({self._scan(existing)})"
            if existing
            else ""
        )
        winners = (
            f"select * from ({new}{old}) qualify row_number() over "
            f"(partition by entity_id order by {self._order_sql(absence)}) = 1"
        )
        cells = [f"{self._cell_sql(name, absence)} as {identifier(name)}" for name, _ in self._set.columns]
        return (
            f"select {', '.join(cells)}, _incoming, {self._partition_sql()} as _partition from ({winners}) "
            "order by _partition, workspace_id, entity_id"
        )

    def _cell_sql(self, name: str, absence: "_Absence | None") -> str:
        """A column of the row that won: blanked if the row is deleted, the marker's own if it is absent."""
        version = self._set.version
        gone = absence.sql(version) if absence else "false"
        stays = {"workspace_id", "entity_id", "received_at", *self._set.outlives_deletion}
        if name in stays or not self._set.follows_deletions:
            return identifier(name)
        if name == "deleted_at":
            return (
                f"case when {gone} then timestamp '{absence.since}' else deleted_at end" if absence else name
            )
        if name == version:
            return f"case when {gone} then timestamp '{absence.cutoff}' else {name} end" if absence else name
        return f"case when deleted_at is null and not {gone} then {identifier(name)} end"

    def _order_sql(self, absence: "_Absence | None") -> str:
        """The newest version first; of two equal ones the incoming, unless the other is a deletion.

        A full export that is not older than a deletion may say that it was none.
        """
        version = self._set.version
        if not self._set.follows_deletions:
            return f"{version} desc, _incoming desc"
        deleted = "not _incoming and deleted_at is not null"
        if absence is None:
            return f"{version} desc, {deleted} desc, _incoming desc"
        doubted = f"{deleted} and {version} <= timestamp '{absence.cutoff}'"
        return f"{doubted}, {version} desc, {deleted} desc, _incoming desc"

    def _partition_sql(self) -> str:
        if self._set.month_of:
            return f"'month=' || strftime({self._set.month_of}, '%Y-%m')"
        # md5 only spreads workspaces evenly over 256 directories.
        return "'bucket=' || substr(md5(workspace_id), 1, 2)"

    def _scan(self, parts: Sequence[Part], *, columns: Sequence[str] = ()) -> str:
        self._engine.add_keys(self._connection, (part.key_name for part in parts))
        return raw_scan(parts, data=self._home.data, columns=columns)

    def _keep_deleted(self, existing: Sequence[Part], keeping: HoldSql) -> None:
        """Write rows that lived until this export, and that a hold keeps, to the hold's own files."""
        columns = [name for name, _ in self._set.columns]
        hold = keeping(columns)
        self._connection.execute(
            f"create or replace temp table held as select old.*, {self._partition_sql()} as _partition, "
            f"{hold} as _hold from ({self._scan(existing)}) as old "
            "where old.deleted_at is null and old.entity_id in "
            "(select entity_id from merged where deleted_at is not null) "
            "order by _partition, workspace_id, entity_id"
        )
        kept = (
            "select _hold, _partition, count(*) from held where _hold is not null group by all order by all"
        )
        for name, partition, rows in self._connection.execute(kept).fetchall():
            template = Part(
                path="",
                source=self._set.source,
                partition=f"hold={name}/{partition}",
                key_name=f"hold.{name}",
                rows=rows,
                bytes=0,
                batch_id=self._batch_id,
                hold=name,
            )
            query = (
                "select * exclude (_hold, _partition) from held "
                f"where _hold = {quoted(name)} and _partition = {quoted(partition)}"
            )
            self._add(template, query)

    def _write(self, partition: str, rows: int) -> None:
        label = partition.partition("=")[2]
        template = Part(
            path="",
            source=self._set.source,
            partition=partition,
            key_name=f"{self._set.key_prefix}.{self._set.source}.{label}.{secrets.token_hex(6)}",
            rows=rows,
            bytes=0,
            batch_id=self._batch_id,
        )
        query = f"select * exclude (_incoming, _partition) from merged where _partition = {quoted(partition)}"
        self._add(template, query)

    def _add(self, template: Part, query: str) -> None:
        self._written.append(
            write_part(self._connection, template, query, home=self._home, engine=self._engine)
        )


@dataclass(frozen=True, slots=True)
class _Absence:
    """What a full export says of rows that it lacks.

    Attributes:
        cutoff: Newest version in it: of what is newer it says nothing.
        since: When it came. When a row was deleted is not known better than by the first export without it.
        spared: Workspaces of which it says nothing.
    """

    cutoff: datetime
    since: datetime
    spared: Collection[str]

    def sql(self, version: str) -> str:
        """Whether a living row that is there should be in the export and is not."""
        excepted = (
            f" and workspace_id not in ({', '.join(map(quoted, sorted(self.spared)))})" if self.spared else ""
        )
        return f"(not _incoming and deleted_at is null and {version} <= timestamp '{self.cutoff}'{excepted})"
