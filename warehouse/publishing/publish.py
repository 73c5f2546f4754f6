"""The published copy: anonymous cubes, and marts over them, in a file of their own, replaced as a whole."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from shutil import copyfile

import duckdb

from warehouse.errors import StoreError, ThawedSliceError, UnreleasedSliceError, UnsoundMartsError
from warehouse.files import replacing, state_of, unlink_durably
from warehouse.home import Home
from warehouse.keys.keyring import KeyStore
from warehouse.keys.locks import warehouse_lock
from warehouse.ledger.ledger import Ledger
from warehouse.publishing.releases import COPY, CUBES, Key, period_column, rows_in, thawed, unreleased
from warehouse.publishing.views import create_views, views_in
from warehouse.store.connection import connect, identifier, quoted
from warehouse.store.session import LOCK_TIMEOUT_S, attach_database, leases

# Schema in the warehouse → in the copy. A file called marts.duckdb is a catalog called marts; a schema of
# the same name in it would make every reference to it ambiguous.
_MARTS = "marts"
PUBLISHED_SCHEMAS = {CUBES: "cubes", _MARTS: "main"}
# Where names of workspaces and campaigns lie, beside the views of marts.
_NAMES = (_MARTS,)
_COPY = "published"
# In the ledger: the warehouse file as it was when the copy was last brought up to date.
_SOURCE = "published_source"


@dataclass(frozen=True, slots=True)
class Published:
    """What is in the copy: each table with its rows, and the marts, which are views over them."""

    tables: tuple[tuple[str, int], ...]
    marts: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(rows for _, rows in self.tables)

    def __str__(self) -> str:
        tables, marts = len(self.tables), len(self.marts)
        return f"Published {tables} tables, {self.rows:,} rows, and {marts} marts over them."


def publish(home: Home, *, keyring: KeyStore) -> Published:
    """Bring the published copy up to date: a file of its own, put in the place of the last one atomically.

    A released slice never changes, so a copy that has it is continued: what is new is added to it, which
    takes as long whatever was published before. Where anything in it changed or went, the file is written
    afresh: it holds no free blocks of what is gone. Whatever is copied is what was released, hash by hash.

    Readers of the old copy keep it until they close it; nobody ever waits for a lock.

    Raises:
        UnsoundMartsError: The last build did not pass its tests.
        UnreleasedSliceError: A slice was not released (`pipelines/marts/release.py`).
        ThawedSliceError: A released slice is not what it was.
        LockedError: Somebody is building at this moment.
    """
    ledger = Ledger(home.ledger_path)
    if unsound := ledger.unsound_marts():
        raise UnsoundMartsError(sorted(unsound))
    with leases(home):
        connection = connect(tmp=home.tmp)
        try:
            attach_database(
                connection, home.warehouse_path, alias="warehouse", keyring=keyring, read_only=True
            )
            rows = rows_in(connection)
            if waiting := unreleased(ledger, rows):
                raise UnreleasedSliceError(waiting)
            with replacing(home.published_path) as temporary:
                _begin(connection, home, ledger, temporary)
                new = sorted(rows.keys() - rows_in(connection, database=_COPY).keys())
                if changed := thawed(ledger, connection, new):
                    raise ThawedSliceError(changed)
                _add(connection, new)
                published = _contents(connection)
                connection.execute(f"detach {_COPY}")
            left = (state_of(home.published_path), state_of(home.warehouse_path))
            with ledger.transaction() as meta:
                meta.executemany("replace into meta values (?, ?)", zip((COPY, _SOURCE), left, strict=True))
        except duckdb.Error as error:
            raise StoreError("published", f"the marts could not be copied ({type(error).__name__})") from None
        finally:
            connection.close()
    return published


def published_before(home: Home) -> Published | None:
    """Return what the copy holds if there is nothing to add to it; None if `publish` has to look.

    Nothing is to be added while neither the copy nor the warehouse file was written since the copy was.
    """
    ledger = Ledger(home.ledger_path)
    if not (is_as_left(home, ledger) and _is_noted(ledger, _SOURCE, home.warehouse_path)):
        return None
    with closing(connect(tmp=home.tmp)) as connection:
        connection.execute(f"attach {quoted(str(home.published_path))} as {_COPY} (read_only)")
        return _contents(connection)


def is_as_left(home: Home, ledger: Ledger) -> bool:
    """Whether the copy is there as the last publication left it, and nothing in it is out of date."""
    return _is_noted(ledger, COPY, home.published_path)


def _is_noted(ledger: Ledger, name: str, path: Path) -> bool:
    """Whether a database file is as it was when its state was noted, and no log of it waits to be read."""
    is_settled = path.exists() and not path.with_name(f"{path.name}.wal").exists()
    return is_settled and ledger.value(name) == state_of(path)


def _begin(connection: duckdb.DuckDBPyConnection, home: Home, ledger: Ledger, path: Path) -> None:
    """Attach a copy to go on with, or an empty one that has all tables."""
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
    """Whether the copy has the warehouse's columns, and no row that the warehouse has not."""
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
    # In an order of their own, which tells nothing of how they came to be.
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


def _contents(connection: duckdb.DuckDBPyConnection) -> Published:
    tables = []
    for schema, table in _tables(connection, _COPY, schemas=PUBLISHED_SCHEMAS.values()):
        name = f"{_COPY}.{identifier(schema)}.{identifier(table)}"
        row = connection.execute(f"select count(*) from {name}").fetchone()
        tables.append((table, int(row[0]) if row else 0))
    views = views_in(connection, database=_COPY, schema=PUBLISHED_SCHEMAS[_MARTS])
    return Published(tuple(tables), tuple(view.name for view in views))


def withdraw(home: Home, *, workspace_keys: Collection[str]) -> Published | None:
    """Take workspaces out of the published copy as it is; None where there is no copy afterwards.

    For when an account has ended and the marts are not fit to be published: deletion does not wait for
    them. What is left does not add up to its totals until the next publication. Tables without a
    workspace stay if they hold no text at all. A copy that cannot be read is removed.

    Raises:
        LockedError: Somebody is building at this moment.
    """
    with warehouse_lock(home.locks, timeout_s=LOCK_TIMEOUT_S):
        if not home.published_path.exists():
            return None
        try:
            with (
                replacing(home.published_path) as temporary,
                closing(connect(tmp=home.tmp)) as connection,
            ):
                temporary.unlink(missing_ok=True)
                connection.execute(f"attach {quoted(str(home.published_path))} as old (read_only)")
                connection.execute(f"attach {quoted(str(temporary))} as {_COPY}")
                _copy_without(connection, sorted(workspace_keys))
                published = _contents(connection)
                connection.execute(f"detach {_COPY}")
        except duckdb.Error:
            unlink_durably(home.published_path)
            return None
    return published


def _copy_without(connection: duckdb.DuckDBPyConnection, left_out: list[str]) -> None:
    listed = connection.execute(
        "select schema_name, table_name, bool_or(column_name = 'workspace_key') from duckdb_columns() "
        "where database_name = 'old' and (schema_name, table_name) in "
        "(select (schema_name, table_name) from duckdb_tables() where database_name = 'old') "
        "group by schema_name, table_name having bool_or(column_name = 'workspace_key') "
        "or not bool_or(data_type = 'VARCHAR' and not suffix(column_name, '_flag')) order by all"
    ).fetchall()
    for schema, table, is_keyed in listed:
        name = f"{identifier(schema)}.{identifier(table)}"
        connection.execute(f"create schema if not exists {_COPY}.{identifier(schema)}")
        connection.execute(f"create table {_COPY}.{name} as from old.{name} limit 0")
        kept = "where workspace_key is null or workspace_key not in (select unnest($out))" if is_keyed else ""
        connection.execute(
            f"insert into {_COPY}.{name} from old.{name} {kept} order by all",
            {"out": left_out} if is_keyed else None,
        )
    there = {(schema, table) for schema, table, _ in listed}
    for schema in PUBLISHED_SCHEMAS.values():
        views = [v for v in views_in(connection, database="old", schema=schema) if v.reads <= there]
        create_views(connection, views, database=_COPY, schemas={s: s for s in PUBLISHED_SCHEMAS.values()})


def _tables(
    connection: duckdb.DuckDBPyConnection, database: str, *, schemas: Iterable[str] = PUBLISHED_SCHEMAS
) -> list[tuple[str, str]]:
    """Schema and name of each table."""
    return connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = ? "
        "and schema_name in (select unnest(?)) order by all",
        [database, list(schemas)],
    ).fetchall()


def _in_warehouse(schema: str, table: str) -> str:
    return f"warehouse.{identifier(schema)}.{identifier(table)}"


def _in_copy(schema: str, table: str) -> str:
    """The table of the copy that a table of the warehouse is copied into."""
    return f"{_COPY}.{identifier(PUBLISHED_SCHEMAS[schema])}.{identifier(table)}"
