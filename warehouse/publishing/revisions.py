"""Keep earlier revisions of released slices: what was published before a slice was built again on purpose.

They are never published again, but kept so that whoever has two revisions can be attacked as such. No step
leaves a released slice without its rows: they are copied before anything is built, and a slice that is
neither as it was released nor kept here is not touched.
"""

from collections.abc import Collection, Sequence
from datetime import date

import duckdb

from warehouse.errors import ChangedAfterReleaseError
from warehouse.ledger.ledger import Ledger
from warehouse.publishing.releases import CUBES, Key, changed_after_release, period_column
from warehouse.store.connection import identifier, number, tables_in

# Schema in the warehouse file, and the column that its tables have beside those of the cube.
SCHEMA = "revisions"
REVISION = "revision"


def earlier(cube: str) -> str:
    """Return a query for the earlier revisions of a cube; null in columns that the cube has gained since."""
    return f"(from {_kept(cube)} union all by name (from warehouse.{CUBES}.{identifier(cube)} limit 0))"


def _kept(cube: str) -> str:
    """Return the table of a cube's earlier revisions."""
    return f"warehouse.{SCHEMA}.{identifier(cube)}"


def keep(ledger: Ledger, connection: duckdb.DuckDBPyConnection, slices: Collection[Key]) -> None:
    """Copy released slices as they are; those that an earlier attempt has copied stay.

    Args:
        connection: With the database `warehouse` attached for writing.

    Raises:
        ChangedAfterReleaseError: A slice is not what was released, and that revision is not kept: nothing
            was changed.
    """
    revisions = revisions_in_force(ledger)
    changed = set(changed_after_release(ledger, connection, slices))
    lost = [key for key in sorted(changed) if not _has(connection, *key, revisions[key])]
    if lost:
        raise ChangedAfterReleaseError(lost)
    connection.execute("begin")
    for key in sorted(set(slices) - changed):
        _copy(connection, *key, revisions[key])
    connection.execute("commit")


def revisions_in_force(ledger: Ledger) -> dict[Key, int]:
    """Return the number of the published revision of each released slice."""
    rows = ledger.read("select cube, period, revision from released_slices where ended_at is null")
    return {(row["cube"], date.fromisoformat(row["period"])): row["revision"] for row in rows}


def _copy(connection: duckdb.DuckDBPyConnection, cube: str, period: date, revision: int) -> None:
    source = f"warehouse.{CUBES}.{identifier(cube)}"
    column = period_column(connection, cube)
    key = {"period": period, "revision": revision}
    connection.execute(f"create schema if not exists warehouse.{SCHEMA}")
    connection.execute(
        f"create table if not exists {_kept(cube)} as select *, 0 as {REVISION} from {source} limit 0"
    )
    for name, type_ in tables_in(connection, "warehouse", CUBES)[CUBES, cube].items():
        connection.execute(f"alter table {_kept(cube)} add column if not exists {identifier(name)} {type_}")
    connection.execute(f"delete from {_kept(cube)} where {column} = $period and {REVISION} = $revision", key)
    connection.execute(
        f"insert into {_kept(cube)} by name "
        f"select *, $revision as {REVISION} from {source} where {column} = $period",
        key,
    )


def _has(connection: duckdb.DuckDBPyConnection, cube: str, period: date, revision: int) -> bool:
    if not has_revisions(connection, cube):
        return False
    column = period_column(connection, cube)
    sql = f"select 1 from {earlier(cube)} where {column} = ? and {REVISION} = ? limit 1"
    return connection.execute(sql, [period, revision]).fetchone() is not None


def has_revisions(connection: duckdb.DuckDBPyConnection, cube: str) -> bool:
    """Return whether earlier revisions of a cube are kept."""
    return (SCHEMA, cube) in tables_in(connection, "warehouse", SCHEMA)


def take_back(
    connection: duckdb.DuckDBPyConnection,
    cube: str,
    periods: Sequence[date],
    *,
    keys: Sequence[str],
    changed: str,
    row: str,
) -> int:
    """Put rows of the last revision in the place of rows that hardly differ from them; return how many.

    Args:
        keys: Columns that name a row.
        changed: Condition on `new` and `old` under which a row may be another than it was.
        row: Columns, from `new` and `old`, of a row that stays what it was.
    """
    column = period_column(connection, cube)
    table = f"warehouse.{CUBES}.{identifier(cube)}"
    same = " and ".join(f"new.{identifier(key)} = old.{identifier(key)}" for key in keys)
    connection.execute(
        f"create or replace temp table taken_back as select {row} from {table} as new "
        f"inner join {earlier(cube)} as old on {same} "
        f"where new.{column} in (select unnest($periods)) and not ({changed}) "
        f"and old.{REVISION} = (select max({REVISION}) from {earlier(cube)} as any_revision "
        f"where any_revision.{column} = old.{column})",
        {"periods": list(periods)},
    )
    named = ", ".join(map(identifier, keys))
    connection.execute("begin")
    connection.execute(f"delete from {table} where ({named}) in (select ({named}) from temp.taken_back)")
    rows = number(connection, f"insert into {table} by name from temp.taken_back")
    connection.execute("commit")
    connection.execute("drop table temp.taken_back")
    return rows
