"""The published copy: anonymous marts in a file of their own, replaced as a whole."""

from dataclasses import dataclass

import duckdb

from warehouse.connection import connect, identifier, quoted
from warehouse.errors import StoreError, UnsoundMartsError
from warehouse.files import replacing
from warehouse.home import Home
from warehouse.keyring import KeyStore
from warehouse.ledger import Ledger
from warehouse.session import attach_database, leases

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
        LockedError: Somebody is building at this moment.
    """
    if unsound := Ledger(home.ledger_path).unsound_marts():
        raise UnsoundMartsError(sorted(unsound))
    with leases(home):
        connection = connect(tmp=home.tmp)
        try:
            attach_database(
                connection, home.warehouse_path, alias="warehouse", keyring=keyring, read_only=True
            )
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
