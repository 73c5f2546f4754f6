"""Publish anonymous cubes, and marts over them, in a file of their own that is replaced as a whole."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from shutil import copyfile
from types import MappingProxyType

import duckdb

from warehouse.errors import ChangedAfterReleaseError, UnreleasedSliceError, UnsoundMartsError
from warehouse.files import replacing, state_of, unlink_durably
from warehouse.home import PUBLISHED_FILE, Home
from warehouse.keys.keyring import KeyStore
from warehouse.keys.locks import warehouse_lock
from warehouse.ledger.ledger import Ledger
from warehouse.publishing.releases import (
    COPY,
    CUBES,
    Key,
    changed_after_release,
    period_column,
    rows_in,
    unreleased,
)
from warehouse.publishing.views import create_views, views_in
from warehouse.store.connection import connect, identifier, number, quoted, tables_in, without_values
from warehouse.store.session import LOCK_TIMEOUT_S, leases, open_warehouse_file

# Schema in the warehouse → in the copy. A file called marts.duckdb is a catalog called marts; a schema of
# the same name in it would make every reference to it ambiguous.
_MARTS = "marts"
PUBLISHED_SCHEMAS = {CUBES: "cubes", _MARTS: "main"}
# Where names of workspaces and campaigns lie, beside the views of marts.
_NAMES = (_MARTS,)
_COPY = "published"
# In the ledger: the warehouse file as it was when the copy was last brought up to date.
SOURCE = "published_source"


@dataclass(frozen=True, slots=True)
class Published:
    """Say what is in the copy: each table with its rows, and the marts, which are views over them."""

    tables: tuple[tuple[str, int], ...]
    marts: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Return the rows of all tables."""
        return sum(rows for _, rows in self.tables)

    def __str__(self) -> str:
        tables, marts = len(self.tables), len(self.marts)
        return f"Published {tables} tables, {self.rows:,} rows, and {marts} marts over them."


def publish(
    home: Home, *, keyring: KeyStore, comments: Mapping[str, Mapping[str, str]] = MappingProxyType({})
) -> Published:
    """Bring the published copy up to date: write a new file and put it in the place of the last one at once.

    A released slice never changes, so new slices are added to the copy there is, which takes no longer
    however much was published before. If anything in the copy changed or went, the file is written afresh,
    so that it holds no free blocks of what is gone. Every slice is compared with its release, by hash.

    Readers of the old copy keep it until they close it, though it has no name any more; they never wait for a
    lock. The file can be read by the home's group and written by nobody (docs/decisions/0090).

    Args:
        comments: Table → column → what the database says of it; of the table itself under the empty name.

    Raises:
        UnsoundMartsError: The last build did not pass its tests.
        UnreleasedSliceError: A slice was not released (`pipelines/marts/release.py`).
        ChangedAfterReleaseError: A released slice is not what was released.
        LockedError: Somebody is building at this moment.
    """
    ledger = Ledger(home.ledger_path)
    if unsound := ledger.unsound_marts():
        raise UnsoundMartsError(sorted(unsound))
    with (
        leases(home),
        without_values("published", "the marts could not be copied"),
        open_warehouse_file(home, keyring=keyring) as connection,
    ):
        rows = rows_in(connection)
        if waiting := unreleased(ledger, rows):
            raise UnreleasedSliceError(waiting)
        with replacing(home.published_path) as temporary:
            _begin(connection, home, ledger, temporary)
            new = sorted(rows.keys() - rows_in(connection, database=_COPY).keys())
            if changed := changed_after_release(ledger, connection, new):
                raise ChangedAfterReleaseError(changed)
            _add(connection, new)
            _comment(connection, comments)
            published = _contents(connection)
            connection.execute(f"detach {_COPY}")
            temporary.chmod(PUBLISHED_FILE)
        left = (state_of(home.published_path), state_of(home.warehouse_path))
        with ledger.transaction() as meta:
            meta.executemany("replace into meta values (?, ?)", zip((COPY, SOURCE), left, strict=True))
    return published


def published_before(home: Home) -> Published | None:
    """Return what the copy holds if there is nothing to add to it; None if `publish` has to look.

    There is nothing to add if neither the copy nor the warehouse file was written since the last publication.
    """
    if not is_up_to_date(home, Ledger(home.ledger_path)):
        return None
    with closing(connect(tmp=home.tmp)) as connection:
        try:
            connection.execute(f"attach {quoted(str(home.published_path))} as {_COPY} (read_only)")
        except duckdb.IOException:
            return None  # somebody has opened it for writing: a new file takes its place
        return _contents(connection)


def is_up_to_date(home: Home, ledger: Ledger) -> bool:
    """Return whether neither the copy nor the warehouse file was written since the last publication."""
    return is_as_left(home, ledger) and is_noted(ledger, SOURCE, home.warehouse_path)


def is_as_left(home: Home, ledger: Ledger) -> bool:
    """Return whether the copy is as the last publication left it, and nothing in it is out of date."""
    return is_noted(ledger, COPY, home.published_path)


def is_noted(ledger: Ledger, name: str, path: Path) -> bool:
    """Return whether a database file is as it was when its state was noted, and has no write-ahead log."""
    is_settled = path.exists() and not path.with_name(f"{path.name}.wal").exists()
    return is_settled and ledger.value(name) == state_of(path)


def _begin(connection: duckdb.DuckDBPyConnection, home: Home, ledger: Ledger, path: Path) -> None:
    """Attach a copy to add to, or an empty one that has all tables."""
    path.unlink(missing_ok=True)
    if is_as_left(home, ledger):
        copyfile(home.published_path, path)
        connection.execute(f"attach {quoted(str(path))} as {_COPY}")
        if _only_gains(connection):
            return
        connection.execute(f"detach {_COPY}")
        path.unlink()
    connection.execute(f"attach {quoted(str(path))} as {_COPY}")
    for schema in PUBLISHED_SCHEMAS.values():
        connection.execute(f"create schema if not exists {_COPY}.{identifier(schema)}")
    for schema, table in _tables(connection, "warehouse"):
        connection.execute(
            f"create table {_in_copy(schema, table)} as from {_in_warehouse(schema, table)} limit 0"
        )


def _only_gains(connection: duckdb.DuckDBPyConnection) -> bool:
    """Return whether the copy has the warehouse's columns, and no row that the warehouse has not."""
    layout = (
        "select schema_name, table_name, column_name, data_type from duckdb_columns() "
        "where database_name = ? and schema_name in (select unnest(?)) order by all"
    )
    of_warehouse, of_copy = (
        connection.execute(layout, [database, list(schemas)]).fetchall()
        for database, schemas in (
            ("warehouse", PUBLISHED_SCHEMAS.keys()),
            (_COPY, PUBLISHED_SCHEMAS.values()),
        )
    )
    if of_copy != sorted((PUBLISHED_SCHEMAS[schema], *rest) for schema, *rest in of_warehouse):
        return False
    if not rows_in(connection, database=_COPY).items() <= rows_in(connection).items():
        return False
    return not any(
        connection.execute(
            f"from {_in_copy(schema, table)} except from {_in_warehouse(schema, table)} limit 1"
        ).fetchone()
        for schema, table in _tables(connection, "warehouse", schemas=_NAMES)
    )


def _add(connection: duckdb.DuckDBPyConnection, slices: Collection[Key]) -> None:
    """Add slices, names that are not there yet, and the marts as they are now."""
    periods: dict[str, list[date]] = defaultdict(list)
    for cube, period in slices:
        periods[cube].append(period)
    # Sorted by their values, so that the order tells nothing of how the rows were made.
    for cube, days in periods.items():
        column = period_column(connection, cube)
        connection.execute(
            f"insert into {_in_copy(CUBES, cube)} from {_in_warehouse(CUBES, cube)} "
            f"where {column} in (select unnest(?)) order by all",
            [days],
        )
    for schema, table in _tables(connection, "warehouse", schemas=_NAMES):
        connection.execute(
            f"insert into {_in_copy(schema, table)} from (from {_in_warehouse(schema, table)} "
            f"except from {_in_copy(schema, table)}) order by all"
        )
    for schema in _NAMES:
        views = views_in(connection, database="warehouse", schema=schema)
        create_views(connection, views, database=_COPY, schemas=PUBLISHED_SCHEMAS)


def _comment(connection: duckdb.DuckDBPyConnection, comments: Mapping[str, Mapping[str, str]]) -> None:
    """Write comments on tables, views and their columns, where the copy has another or none."""
    rows = connection.execute(
        "select schema_name, table_name, column_name, comment, 'column' from duckdb_columns() "
        "where database_name = $copy "
        "union all select schema_name, table_name, '', comment, 'table' from duckdb_tables() "
        "where database_name = $copy "
        "union all select schema_name, view_name, '', comment, 'view' from duckdb_views() "
        "where database_name = $copy",
        {"copy": _COPY},
    ).fetchall()
    for schema, table, column, present, kind in rows:
        text = comments.get(table, {}).get(column)
        if text and text != present:
            names = (_COPY, schema, table, *([column] if column else []))
            connection.execute(f"comment on {kind} {'.'.join(map(identifier, names))} is {quoted(text)}")


def _contents(connection: duckdb.DuckDBPyConnection) -> Published:
    tables = []
    for schema, table in _tables(connection, _COPY, schemas=PUBLISHED_SCHEMAS.values()):
        name = f"{_COPY}.{identifier(schema)}.{identifier(table)}"
        tables.append((table, number(connection, f"select count(*) from {name}")))
    views = views_in(connection, database=_COPY, schema=PUBLISHED_SCHEMAS[_MARTS])
    return Published(tuple(tables), tuple(view.name for view in views))


def withdraw(home: Home, *, workspace_keys: Collection[str]) -> Published | None:
    """Take workspaces out of the published copy; return what is left, None if there is no copy afterwards.

    This is for an account that has ended while the marts are not fit to be published: deletion does not
    wait for them. Until the next publication, totals are larger than the sum of what is left. Tables without
    workspaces stay only if they hold no text. A copy that cannot be read is removed.

    Raises:
        LockedError: Somebody is building at this moment.
    """
    with warehouse_lock(home.locks, timeout_s=LOCK_TIMEOUT_S):
        if not home.published_path.exists():
            return None
        try:
            with replacing(home.published_path) as temporary, closing(connect(tmp=home.tmp)) as connection:
                temporary.unlink(missing_ok=True)
                connection.execute(f"attach {quoted(str(home.published_path))} as old (read_only)")
                connection.execute(f"attach {quoted(str(temporary))} as {_COPY}")
                _copy_without(connection, sorted(workspace_keys))
                published = _contents(connection)
                connection.execute(f"detach {_COPY}")
                temporary.chmod(PUBLISHED_FILE)
        except duckdb.Error:
            unlink_durably(home.published_path)
            return None
    return published


def _copy_without(connection: duckdb.DuckDBPyConnection, left_out: list[str]) -> None:
    there = set()
    for (schema, table), columns in tables_in(connection, "old").items():
        is_keyed = "workspace_key" in columns
        holds_text = "VARCHAR" in columns.values()
        if holds_text and not is_keyed:
            continue
        there.add((schema, table))
        name = f"{identifier(schema)}.{identifier(table)}"
        connection.execute(f"create schema if not exists {_COPY}.{identifier(schema)}")
        connection.execute(f"create table {_COPY}.{name} as from old.{name} limit 0")
        kept = "where workspace_key is null or workspace_key not in (select unnest($out))" if is_keyed else ""
        connection.execute(
            f"insert into {_COPY}.{name} from old.{name} {kept} order by all",
            {"out": left_out} if is_keyed else None,
        )
    for schema in PUBLISHED_SCHEMAS.values():
        views = [v for v in views_in(connection, database="old", schema=schema) if v.reads <= there]
        create_views(connection, views, database=_COPY, schemas={s: s for s in PUBLISHED_SCHEMAS.values()})


def _tables(
    connection: duckdb.DuckDBPyConnection, database: str, *, schemas: Iterable[str] = PUBLISHED_SCHEMAS
) -> list[tuple[str, str]]:
    """Return schema and name of each table."""
    # Not `tables_in`: to name the columns, DuckDB would look into every view. No parameters: for these it
    # loads pandas, which a run with nothing to do needs for nothing else.
    return connection.execute(
        f"select schema_name, table_name from duckdb_tables() where database_name = {quoted(database)} "
        f"and schema_name in ({', '.join(map(quoted, schemas))}) order by all"
    ).fetchall()


def _in_warehouse(schema: str, table: str) -> str:
    return f"warehouse.{identifier(schema)}.{identifier(table)}"


def _in_copy(schema: str, table: str) -> str:
    """Return the table of the copy for a table of the warehouse."""
    return f"{_COPY}.{identifier(PUBLISHED_SCHEMAS[schema])}.{identifier(table)}"
