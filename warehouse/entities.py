"""Entities: their latest state only, in small partitions that are rewritten whole.

A partition is one of 256 buckets by workspace, or the month of a financial row. Each rewrite has a
key of its own, so that the state it replaces becomes unreadable when its file goes.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa

from warehouse.connection import Engine, identifier, quoted
from warehouse.errors import ShrinkError, StoreError
from warehouse.home import Home
from warehouse.ledger import Count, Ledger, Merge, Part
from warehouse.store import write_part
from warehouse.views import raw_scan

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
        retention_days: Window of a month's rows; None where the clock is not the row's own time.
    """

    source: str
    key_prefix: str
    columns: tuple[tuple[str, str], ...]
    version: str
    month_of: str | None = None
    retention_days: int | None = None

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

    def merge(self, *, full: bool, allow_shrink: bool) -> Merge:
        """Rewrite the partitions that the export touches; nothing is visible until committed.

        Of each entity the newest version stays, of two equal ones the incoming; deleted ones leave a
        marker of their keyed id and time, so that an older export cannot bring them back.

        Args:
            full: The export holds every living entity: what is absent, and not newer, is deleted.

        Raises:
            ShrinkError: A full export would delete more than half, and ``allow_shrink`` is not set.
        """
        try:
            return self._merge(full=full and self._set.follows_deletions, allow_shrink=allow_shrink)
        except duckdb.Error as error:
            raise StoreError(self._set.source, f"the merge failed ({type(error).__name__})") from None

    def close(self, *, committed: bool) -> None:
        """Free the connection; unless committed, remove every file written."""
        self._connection.close()
        if not committed:
            for part in self._written:
                (self._home.data / part.path).unlink(missing_ok=True)

    def _merge(self, *, full: bool, allow_shrink: bool) -> Merge:
        execute = self._connection.execute
        for part in self._written:  # of an attempt that met a conflict
            (self._home.data / part.path).unlink(missing_ok=True)
        self._written.clear()
        snapshot = self._ledger.generation()
        existing = self._ledger.live_parts(self._set.source)
        by_partition: dict[str, list[Part]] = {}
        for part in existing:
            by_partition.setdefault(part.partition, []).append(part)
        total = _scalar(execute("select count(*) from incoming"))
        execute(
            f"create or replace temp table latest as select *, {self._partition_sql()} as _partition from incoming "
            f"qualify row_number() over (partition by entity_id order by {self._set.version} desc) = 1"
        )
        touched = {p for (p,) in execute("select distinct _partition from latest").fetchall()}
        partitions = sorted(touched | (set(by_partition) if full else set()))
        newest = execute(f"select max({self._set.version}) from incoming").fetchone()
        cutoff = newest[0] if newest and full else None

        before = after = won = 0
        removed: list[Part] = []
        for partition in partitions:
            parts = by_partition.get(partition, [])
            execute(
                "create or replace temp table merged as " + self._merged_sql(partition, parts, cutoff=cutoff)
            )
            alive = "deleted_at is null" if self._set.follows_deletions else "true"
            if parts:
                before += _scalar(execute(f"select count(*) from ({self._scan(parts)}) where {alive}"))
            after += _scalar(execute(f"select count(*) from merged where {alive}"))
            won += _scalar(execute("select count(*) from merged where _incoming"))
            removed.extend(parts)
            self._write(partition)
        if full and after < before * LARGEST_SHRINK and not allow_shrink:
            raise ShrinkError(self._set.source, before, after)
        counts = [
            Count(self._set.source, "kept", "", won),
            Count(self._set.source, "duplicate", "superseded", total - won),
        ]
        return Merge(
            added=tuple(self._written),
            removed=tuple(removed),
            watched=frozenset((self._set.source, partition) for partition in partitions),
            snapshot=snapshot,
            counts=tuple(count for count in counts if count.rows),
        )

    def _merged_sql(self, partition: str, parts: Sequence[Part], *, cutoff: datetime | None) -> str:
        version = self._set.version
        old = f"select *, false as _incoming from ({self._scan(parts)})" if parts else None
        new = (
            "select * exclude (_partition), true as _incoming from latest "
            f"where _partition = {quoted(partition)}"
        )
        both = f"{new} union all by name {old}" if old else new
        winners = (
            f"select * from ({both}) qualify row_number() over "
            f"(partition by entity_id order by {version} desc, _incoming desc) = 1"
        )
        if not self._set.follows_deletions:
            return winners
        gone = f"(not _incoming and {version} <= timestamp '{cutoff}')" if cutoff else "false"
        stays = {"workspace_id", "entity_id", "received_at", version}
        cells = [
            f"coalesce(deleted_at, case when {gone} then {version} end) as deleted_at"
            if name == "deleted_at"
            else identifier(name)
            if name in stays
            else f"case when deleted_at is null and not {gone} then {identifier(name)} end as {identifier(name)}"
            for name, _ in self._set.columns
        ]
        return f"select {', '.join(cells)}, _incoming from ({winners})"

    def _partition_sql(self) -> str:
        if self._set.month_of:
            return f"'month=' || strftime({self._set.month_of}, '%Y-%m') || '/retention_days={self._set.retention_days}'"
        # md5 only spreads workspaces evenly over 256 directories.
        return "'bucket=' || substr(md5(workspace_id), 1, 2)"

    def _scan(self, parts: Sequence[Part]) -> str:
        self._engine.add_keys(self._connection, (part.key_name for part in parts))
        return raw_scan(parts, data=self._home.data)

    def _write(self, partition: str) -> None:
        rows = _scalar(self._connection.execute("select count(*) from merged"))
        if not rows:
            return
        label = partition.partition("=")[2].replace("/", ".")
        template = Part(
            path="",
            source=self._set.source,
            partition=partition,
            key_name=f"{self._set.key_prefix}.{self._set.source}.{label}.{secrets.token_hex(6)}",
            rows=rows,
            bytes=0,
            batch_id=self._batch_id,
            retention_days=self._set.retention_days if self._set.month_of else None,
        )
        query = "select * exclude (_incoming) from merged order by workspace_id, entity_id"
        self._written.append(
            write_part(self._connection, template, query, home=self._home, engine=self._engine)
        )


def _scalar(result: duckdb.DuckDBPyConnection) -> int:
    row = result.fetchone()
    return int(row[0]) if row else 0
