"""Keep entities: their latest state only, in small partitions that are rewritten whole.

A partition is one of 256 buckets by workspace, or the month of a financial row. Each rewrite has a
key of its own, so that the state it replaces becomes unreadable when its file goes. What the source
deletes is blanked; where a legal hold keeps it, a copy goes out of sight under the hold's key.
"""

import secrets
from collections.abc import Callable, Collection, Sequence

import pyarrow as pa

from warehouse.errors import ShrinkError
from warehouse.home import Home
from warehouse.ledger.batches import Count, Merge
from warehouse.ledger.ledger import Ledger
from warehouse.ledger.parts import Part
from warehouse.store.connection import Engine, identifier, number, quoted, without_values
from warehouse.store.entity_sql import Absence, EntitySet, merged_sql
from warehouse.store.part_files import PartWriter

# Columns of rows `old` → SQL for the name of the legal hold that keeps one, or null.
HoldSql = Callable[[Collection[str]], str]

# A full export that loses more than this share of the rows is more likely broken than meant.
LARGEST_SHRINK = 0.5


class EntityWriter(PartWriter):
    """Collect the rows of one export and merge them into the latest state."""

    def __init__(
        self, home: Home, *, entities: EntitySet, ledger: Ledger, engine: Engine, batch_id: str
    ) -> None:
        super().__init__(home, ledger=ledger, engine=engine, batch_id=batch_id)
        self._set = entities
        columns = ", ".join(f"{identifier(name)} {type_}" for name, type_ in entities.columns)
        self._connection.execute(f"create temp table incoming ({columns})")

    def append(self, rows: pa.Table) -> None:
        """Take anonymized rows in the stored columns, any order."""
        with without_values(self._set.source, "rows were not accepted"):
            self._connection.register("more", rows)
            self._connection.execute("insert into incoming by name select * from more")
            self._connection.unregister("more")

    def merge(
        self, *, full: bool, allow_shrink: bool, spared: Collection[str] = (), keeping: HoldSql | None = None
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
        with without_values(self._set.source, "the merge failed"):
            return self._merge(full=full, allow_shrink=allow_shrink, spared=spared, keeping=keeping)

    def _merge(
        self, *, full: bool, allow_shrink: bool, spared: Collection[str], keeping: HoldSql | None
    ) -> Merge:
        execute = self._connection.execute
        for part in self._parts:  # of an attempt that met a conflict
            (self._home.data / part.path).unlink(missing_ok=True)
        self._parts.clear()
        snapshot = self._ledger.generation()
        total, newest, arrived = execute(
            f"select count(*), max({self._set.version}), max(received_at) from incoming"
        ).fetchall()[0]
        absence = Absence(newest, max(newest, arrived), spared) if full and newest else None
        touched = {
            partition
            for (partition,) in execute(f"select distinct {self._set.partition_sql} from incoming").fetchall()
        }
        removed = [
            part for part in self._ledger.live_parts(self._set.source) if full or part.partition in touched
        ]
        existing = self._scan(removed) if removed else None
        execute(f"create or replace temp table merged as {merged_sql(self._set, existing, absence)}")
        if full and not allow_shrink:
            self._check_shrink(removed)
        self._write_merged()
        if keeping is not None and removed and self._set.follows_deletions:
            self._keep_deleted(removed, keeping)
        won = number(self._connection, "select count(*) from merged where _incoming")
        counts = [
            Count(self._set.source, "kept", "", won),
            Count(self._set.source, "duplicate", "superseded", total - won),
        ]
        return Merge(
            added=tuple(self._parts),
            removed=tuple(removed),
            watched=frozenset((self._set.source, p) for p in touched | {part.partition for part in removed}),
            snapshot=snapshot,
            counts=tuple(count for count in counts if count.rows),
        )

    def _check_shrink(self, existing: Sequence[Part]) -> None:
        before, after = (
            number(self._connection, f"select count(*) from ({rows}) where deleted_at is null")
            for rows in (self._scan(existing, columns=("deleted_at",)), "from merged")
        )
        if after < before * LARGEST_SHRINK:
            raise ShrinkError(self._set.source, before, after)

    def _write_merged(self) -> None:
        """Write the merged partitions, each under a new key."""
        found = self._connection.execute(
            "select _partition, count(*) from merged group by all order by all"
        ).fetchall()
        columns = tuple(name for name, _ in self._set.columns)
        for partition, rows in found:
            label = partition.partition("=")[2]
            key = f"{self._set.key_prefix}.{self._set.source}.{label}.{secrets.token_hex(6)}"
            query = (
                f"select * exclude (_incoming, _partition) from merged where _partition = {quoted(partition)}"
            )
            self._write(Part(self._set.source, partition, key, rows, self.batch_id, columns=columns), query)

    def _keep_deleted(self, existing: Sequence[Part], keeping: HoldSql) -> None:
        """Write rows that lived until this export, and that a hold keeps, to the hold's own files."""
        hold = keeping([name for name, _ in self._set.columns])
        self._connection.execute(
            f"create or replace temp table held as select old.*, {self._set.partition_sql} as _partition, "
            f"{hold} as _hold from ({self._scan(existing)}) as old "
            "where old.deleted_at is null and old.entity_id in "
            "(select entity_id from merged where deleted_at is not null) "
            "order by _partition, workspace_id, entity_id"
        )
        found = self._connection.execute(
            "select _hold, _partition, count(*) from held where _hold is not null group by all order by all"
        ).fetchall()
        for name, partition, rows in found:
            query = (
                "select * exclude (_hold, _partition) from held "
                f"where _hold = {quoted(name)} and _partition = {quoted(partition)}"
            )
            place = f"hold={name}/{partition}"
            self._write(Part(self._set.source, place, f"hold.{name}", rows, self.batch_id, hold=name), query)
