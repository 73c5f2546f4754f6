"""Open sessions: one connection that sees the store as views and the warehouse file, keys in memory only."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from types import MappingProxyType

import duckdb
import pyarrow as pa

from warehouse.home import Home
from warehouse.keys.keyring import KeyRing, KeyStore, Purpose
from warehouse.keys.locks import reader_lease, warehouse_lock
from warehouse.ledger.ledger import Ledger
from warehouse.ledger.requests import restricted
from warehouse.store.connection import add_parquet_keys, connect, prepare, quoted
from warehouse.store.views import Schema, create_tables, create_views

LOCK_TIMEOUT_S = 600.0


def attach(
    connection: duckdb.DuckDBPyConnection,
    *,
    home: Home,
    keyring: KeyStore,
    schemas: Mapping[str, Schema],
    tables: Mapping[str, pa.Table] = MappingProxyType({}),
    read_only: bool = False,
) -> None:
    """Make the store visible as `memory.store.<data set>` and the encrypted file as `warehouse`.

    A file that is to be read only and is not there yet is not attached.

    The caller holds the warehouse lock and a reader lease for as long as it uses the connection.

    Args:
        tables: What else is to be seen as `memory.store.<name>`.

    Raises:
        KeyringError: A key of a live file is missing; nothing is shown rather than a part of it.
    """
    prepare(connection)
    ledger = Ledger(home.ledger_path)
    parts = ledger.live_parts()
    add_parquet_keys(connection, keyring, (part.key_name for part in parts if part.source in schemas))
    create_views(connection, parts, data=home.data, schemas=schemas, restricted=restricted(ledger, keyring))
    create_tables(connection, tables)
    if home.warehouse_path.exists() or not read_only:
        path = home.warehouse_path
        attach_database(connection, path, alias="warehouse", keyring=keyring, read_only=read_only)


def attach_database(
    connection: duckdb.DuckDBPyConnection, path: Path, *, alias: str, keyring: KeyStore, read_only: bool
) -> None:
    """Attach a DuckDB file encrypted with AES-256-GCM, made if it does not exist.

    Raises:
        KeyringError: The file is there and its key is not.
    """
    # A key that is lost is never made anew: what is there could not be read with it.
    find = keyring.find if path.exists() else keyring.get
    key = find(Purpose.DATABASE, "warehouse").hex()
    options = "read_only, " if read_only else ""
    connection.execute(
        f"attach if not exists {quoted(str(path))} as {alias} "
        f"({options}encryption_key {quoted(key)}, encryption_cipher 'GCM')"
    )


@contextmanager
def open_warehouse_file(
    home: Home, *, keyring: KeyStore, read_only: bool = True
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse file alone, without the store, as `warehouse`; the caller holds its lock.

    Raises:
        KeyringError: The file is there and its key is not.
    """
    with closing(connect(tmp=home.tmp)) as connection:
        path = home.warehouse_path
        attach_database(connection, path, alias="warehouse", keyring=keyring, read_only=read_only)
        yield connection


@contextmanager
def leases(home: Home, *, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
    """Hold what a session needs: the warehouse file for itself, and the store's present files on disk."""
    with (
        warehouse_lock(home.locks, timeout_s=timeout_s),
        reader_lease(home.locks, Ledger(home.ledger_path).generation()),
    ):
        yield


@contextmanager
def open_session(
    home: Home,
    *,
    schemas: Mapping[str, Schema],
    tables: Mapping[str, pa.Table] = MappingProxyType({}),
    read_only: bool = False,
    memory_limit: str = "2GB",
    threads: int = 1,
    timeout_s: float = LOCK_TIMEOUT_S,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a connection over store and warehouse file; see `attach`.

    Raises:
        LockedError: Another process has the warehouse file.
    """
    with (
        leases(home, timeout_s=timeout_s),
        closing(connect(tmp=home.tmp, memory_limit=memory_limit, threads=threads)) as connection,
    ):
        keyring = KeyRing(home.keys)
        attach(connection, home=home, keyring=keyring, schemas=schemas, tables=tables, read_only=read_only)
        yield connection
