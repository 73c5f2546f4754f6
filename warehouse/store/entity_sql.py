"""Describe entity data sets, and write the SQL that merges an export into their latest state.

The SQL reads the table `incoming`; rows of the state so far have `_incoming` false.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from warehouse.store.connection import identifier, quoted


@dataclass(frozen=True, slots=True)
class EntitySet:
    """Hold what the store needs to know of an entity data set.

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
        """Return whether the source says what was deleted; absence from a full export then says it too."""
        return any(name == "deleted_at" for name, _ in self.columns)

    @property
    def partition_sql(self) -> str:
        """Return the SQL for the partition of a row."""
        if self.month_of:
            return f"'month=' || strftime({self.month_of}, '%Y-%m')"
        # md5 only spreads workspaces evenly over 256 directories.
        return "'bucket=' || substr(md5(workspace_id), 1, 2)"


@dataclass(frozen=True, slots=True)
class Absence:
    """Hold what a full export says of rows that it lacks.

    Attributes:
        cutoff: Newest version in it; it says nothing of newer rows.
        since: When it came. The first export without a row is the best that is known of its deletion.
        spared: Workspaces of which it says nothing.
    """

    cutoff: datetime
    since: datetime
    spared: Collection[str]

    def sql(self, version: str) -> str:
        """Return the condition that a living row should be in the export and is not."""
        excepted = (
            f" and workspace_id not in ({', '.join(map(quoted, sorted(self.spared)))})" if self.spared else ""
        )
        return f"(not _incoming and deleted_at is null and {version} <= timestamp '{self.cutoff}'{excepted})"


def merged_sql(entities: EntitySet, existing: str | None, absence: Absence | None) -> str:
    """Return a query for the state of some partitions after an export, in the order in which it is written.

    Args:
        existing: Query for the rows of these partitions so far.
    """
    rows = "select *, true as _incoming from incoming"
    if existing:
        rows += f" union all by name select *, false as _incoming from ({existing})"
    winners = (
        f"select * from ({rows}) qualify row_number() over "
        f"(partition by entity_id order by {_order_sql(entities, absence)}) = 1"
    )
    cells = [f"{_cell_sql(entities, name, absence)} as {identifier(name)}" for name, _ in entities.columns]
    return (
        f"select {', '.join(cells)}, _incoming, {entities.partition_sql} as _partition from ({winners}) "
        "order by _partition, workspace_id, entity_id"
    )


def _cell_sql(entities: EntitySet, name: str, absence: Absence | None) -> str:
    """Return a column of the newest row: blank if the row is deleted, the marker's own if it is absent."""
    version = entities.version
    gone = absence.sql(version) if absence else "false"
    stays = {"workspace_id", "entity_id", "received_at", *entities.outlives_deletion}
    if name in stays or not entities.follows_deletions:
        return identifier(name)
    if name in ("deleted_at", version):
        if absence is None:
            return name
        marked = absence.since if name == "deleted_at" else absence.cutoff
        return f"case when {gone} then timestamp '{marked}' else {name} end"
    return f"case when deleted_at is null and not {gone} then {identifier(name)} end"


def _order_sql(entities: EntitySet, absence: Absence | None) -> str:
    """Order by the newest version first; of two equal ones the incoming, unless the other is a deletion.

    A full export that is not older than a deletion may say that there was none.
    """
    version = entities.version
    if not entities.follows_deletions:
        return f"{version} desc, _incoming desc"
    deleted = "not _incoming and deleted_at is not null"
    if absence is None:
        return f"{version} desc, {deleted} desc, _incoming desc"
    doubted = f"{deleted} and {version} <= timestamp '{absence.cutoff}'"
    return f"{doubted}, {version} desc, {deleted} desc, _incoming desc"
