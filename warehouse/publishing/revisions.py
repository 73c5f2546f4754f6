"""Earlier lines of released slices: what was published before a slice was built again on purpose.

They are kept, never published again, so that whoever has both lines can be attacked as such. No step leaves a
released slice without its rows: they are copied before anything is built, and a slice that is neither as it
was released nor kept here is not touched.
"""

from collections.abc import Collection, Sequence
from datetime import date

import duckdb

from warehouse.errors import ThawedSliceError
from warehouse.ledger.ledger import Ledger
from warehouse.publishing.releases import CUBES, Key, period_column, thawed
from warehouse.store.connection import identifier

SCHEMA = "lines"
LINE = "line"


def earlier(cube: str) -> str:
    """The earlier lines of a cube, to read from: empty in columns that the cube has gained since."""
    return f"(from {_kept(cube)} union all by name (from warehouse.{CUBES}.{identifier(cube)} limit 0))"


def _kept(cube: str) -> str:
    """The table of a cube's earlier lines."""
    return f"warehouse.{SCHEMA}.{identifier(cube)}"


def keep(ledger: Ledger, connection: duckdb.DuckDBPyConnection, slices: Collection[Key]) -> None:
    """Copy released slices as they are; those that are there already, from an attempt before, stay.

    Args:
        connection: With the database `warehouse` attached for writing.

    Raises:
        ThawedSliceError: A slice is not what was released, and its line is not kept: nothing was changed.
    """
    lines = lines_in_force(ledger)
    changed = set(thawed(ledger, connection, slices))
    lost = [key for key in sorted(changed) if not _has(connection, *key, lines[key])]
    connection.execute("begin")
    for key in sorted(set(slices) - changed):
        _copy(connection, *key, lines[key])
    if lost:
        connection.execute("rollback")
        raise ThawedSliceError(lost)
    connection.execute("commit")


def lines_in_force(ledger: Ledger) -> dict[Key, int]:
    """Number of the line of each released slice."""
    rows = ledger.read("select cube, period, line from released_slices where ended_at is null")
    return {(row["cube"], date.fromisoformat(row["period"])): row["line"] for row in rows}


def _copy(connection: duckdb.DuckDBPyConnection, cube: str, period: date, line: int) -> None:
    source = f"warehouse.{CUBES}.{identifier(cube)}"
    connection.execute(f"create schema if not exists warehouse.{SCHEMA}")
    connection.execute(
        f"create table if not exists {_kept(cube)} as select *, 0 as {LINE} from {source} limit 0"
    )
    _add_new_columns(connection, cube)
    column = period_column(connection, cube)
    connection.execute(
        f"delete from {_kept(cube)} where {column} = $period and {LINE} = $line",
        {"period": period, "line": line},
    )
    connection.execute(
        f"insert into {_kept(cube)} by name select *, $line as {LINE} from {source} where {column} = $period",
        {"period": period, "line": line},
    )


def _add_new_columns(connection: duckdb.DuckDBPyConnection, cube: str) -> None:
    """Give the table of earlier lines the columns that its cube has gained."""
    columns = connection.execute(
        "select column_name, data_type from duckdb_columns() "
        "where database_name = 'warehouse' and schema_name = ? and table_name = ?",
        [CUBES, cube],
    ).fetchall()
    for name, type_ in columns:
        connection.execute(f"alter table {_kept(cube)} add column if not exists {identifier(name)} {type_}")


def _has(connection: duckdb.DuckDBPyConnection, cube: str, period: date, line: int) -> bool:
    if not has_lines(connection, cube):
        return False
    column = period_column(connection, cube)
    found = connection.execute(
        f"select 1 from {earlier(cube)} where {column} = ? and {LINE} = ? limit 1", [period, line]
    ).fetchone()
    return found is not None


def has_lines(connection: duckdb.DuckDBPyConnection, cube: str) -> bool:
    """Whether there are earlier lines of a cube."""
    found = connection.execute(
        "select 1 from duckdb_tables() where database_name = 'warehouse' and schema_name = ? "
        "and table_name = ?",
        [SCHEMA, cube],
    ).fetchone()
    return found is not None


def take_back(
    connection: duckdb.DuckDBPyConnection,
    cube: str,
    periods: Sequence[date],
    *,
    keys: Sequence[str],
    changed: str,
    row: str,
) -> int:
    """Put rows of the last line in the place of rows that hardly differ; return how many.

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
        f"and old.{LINE} = (select max({LINE}) from {earlier(cube)} as any_line "
        f"where any_line.{column} = old.{column})",
        {"periods": list(periods)},
    )
    named = ", ".join(map(identifier, keys))
    connection.execute("begin")
    connection.execute(f"delete from {table} where ({named}) in (select ({named}) from temp.taken_back)")
    taken = connection.execute(f"insert into {table} by name from temp.taken_back").fetchone()
    connection.execute("commit")
    connection.execute("drop table temp.taken_back")
    return int(taken[0]) if taken else 0
