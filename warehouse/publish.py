"""The published copy: anonymous marts in a file of their own, replaced as a whole."""

from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass

import duckdb

from warehouse.connection import connect, identifier, quoted
from warehouse.errors import StoreError, UnsoundMartsError
from warehouse.files import replacing, unlink_durably
from warehouse.home import Home
from warehouse.keyring import KeyStore
from warehouse.ledger import Ledger
from warehouse.locks import warehouse_lock
from warehouse.releases import check_released
from warehouse.session import LOCK_TIMEOUT_S, attach_database, leases

# Schema in the warehouse → in the copy. A file called marts.duckdb is a catalog called marts; a schema of
# the same name in it would make every reference to it ambiguous.
PUBLISHED_SCHEMAS = {"cubes": "cubes", "marts": "main"}


@dataclass(frozen=True, slots=True)
class Published:
    """Name and row count of every table in the copy."""

    tables: tuple[tuple[str, int], ...]


def publish(home: Home, *, keyring: KeyStore) -> Published:
    """Copy cubes and marts into a fresh file and put it in the place of the last one, atomically.

    A fresh file holds no free blocks of earlier contents. Readers of the old copy keep it until they
    close it; nobody ever waits for a lock.

    Raises:
        UnsoundMartsError: The last build did not pass its tests.
        UnreleasedSliceError: A slice was not released (`pipelines/release.py`).
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
            check_released(ledger, connection)
            with replacing(home.published_path) as temporary:
                temporary.unlink(missing_ok=True)
                connection.execute(f"attach {quoted(str(temporary))} as published")
                tables = tuple(_copy(connection))
                connection.execute("detach published")
        except duckdb.Error as error:
            raise StoreError("published", f"the marts could not be copied ({type(error).__name__})") from None
        finally:
            connection.close()
    return Published(tables=tables)


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
                connection.execute(f"attach {quoted(str(temporary))} as published")
                tables = tuple(_copy_without(connection, sorted(workspace_keys)))
                connection.execute("detach published")
        except duckdb.Error:
            unlink_durably(home.published_path)
            return None
    return Published(tables=tables)


def _copy_without(connection: duckdb.DuckDBPyConnection, left_out: list[str]) -> list[tuple[str, int]]:
    listed = connection.execute(
        "select schema_name, table_name, bool_or(column_name = 'workspace_key') from duckdb_columns() "
        "where database_name = 'old' group by schema_name, table_name "
        "having bool_or(column_name = 'workspace_key') "
        "or not bool_or(data_type = 'VARCHAR' and not suffix(column_name, '_flag')) order by all"
    ).fetchall()
    copied = []
    for schema, table, is_keyed in listed:
        name = f"{identifier(schema)}.{identifier(table)}"
        connection.execute(f"create schema if not exists published.{identifier(schema)}")
        connection.execute(f"create table published.{name} as from old.{name} limit 0")
        kept = "where workspace_key is null or workspace_key not in (select unnest($out))" if is_keyed else ""
        row = connection.execute(
            f"insert into published.{name} from old.{name} {kept} order by all",
            {"out": left_out} if is_keyed else None,
        ).fetchone()
        copied.append((table, int(row[0]) if row else 0))
    return copied


def _copy(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    listed = connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = 'warehouse' "
        f"and schema_name in ({', '.join(quoted(s) for s in PUBLISHED_SCHEMAS)}) order by all"
    ).fetchall()
    copied = []
    for schema in PUBLISHED_SCHEMAS.values():
        connection.execute(f"create schema if not exists published.{identifier(schema)}")
    for schema, table in listed:
        source = f"warehouse.{identifier(schema)}.{identifier(table)}"
        target = f"published.{identifier(PUBLISHED_SCHEMAS[schema])}.{identifier(table)}"
        connection.execute(f"create table {target} as select * from {source} order by all")
        row = connection.execute(f"select count(*) from {target}").fetchone()
        copied.append((table, int(row[0]) if row else 0))
    return copied
