"""Rewrite the warehouse file by copy, so that no deleted byte stays in it.

DuckDB leaves deleted rows in free blocks, also after a checkpoint or vacuum. Only a copy into a fresh file
is free of them.
"""

from pathlib import Path

import duckdb

from warehouse.errors import LockedError, StoreError
from warehouse.files import leftovers_of, replacing, state_of, unlink_durably
from warehouse.home import Home
from warehouse.keys.keyring import KeyStore
from warehouse.keys.locks import warehouse_lock
from warehouse.ledger.ledger import Ledger
from warehouse.publishing.publish import SOURCE, is_noted
from warehouse.store.connection import identifier, number, tables_in, without_values
from warehouse.store.session import LOCK_TIMEOUT_S, attach_database, open_warehouse_file

# Name in the ledger's `meta`; size and time of the file as the last rewrite left it.
_STATE = "warehouse_rewritten"


def rewrite(home: Home, *, keyring: KeyStore) -> None:
    """Copy the warehouse file into a fresh one, which takes its place at once; do nothing if there is none.

    The fresh file holds what queries see and no more: no free blocks, no write-ahead log. A crash leaves
    the old file or the new one.

    Raises:
        LockedError: Another process has the warehouse file.
        StoreError: The file could not be copied; it is as it was.
    """
    with warehouse_lock(home.locks, timeout_s=LOCK_TIMEOUT_S):
        _unlink_leftovers(home)
        path = home.warehouse_path
        if not path.exists():
            return
        ledger = Ledger(home.ledger_path)
        # A published copy that holds all of the old file holds all of the fresh one.
        states = [_STATE, *([SOURCE] if is_noted(ledger, SOURCE, path) else [])]
        try:
            with (
                without_values(path.name, "it could not be copied"),
                replacing(path) as fresh,
                # Not read-only: what a killed build left in the log has to come along.
                open_warehouse_file(home, keyring=keyring, read_only=False) as connection,
            ):
                connection.execute("checkpoint warehouse")
                attach_database(connection, fresh, alias="fresh", keyring=keyring, read_only=False)
                copy_database(connection, "warehouse", "fresh")
                connection.execute("detach fresh")
                connection.execute("detach warehouse")
                if _log_of(path).exists() or _log_of(fresh).exists():
                    raise StoreError(path.name, "its write-ahead log is not empty")
        finally:
            _unlink_leftovers(home)
        for name in states:
            ledger.set_value(name, state_of(path))


def needs_rewrite(home: Home, ledger: Ledger) -> bool:
    """Return whether the warehouse file changed since it was last rewritten; False if there is none."""
    if not home.warehouse_path.exists():
        return False
    return ledger.value(_STATE) != state_of(home.warehouse_path)


def remove_leftovers(home: Home) -> None:
    """Unlink what a killed rewrite or publication left; do nothing while one is under way."""
    if _leftovers(home):
        try:
            with warehouse_lock(home.locks, timeout_s=0):
                _unlink_leftovers(home)
        except LockedError:
            return


def copy_database(connection: duckdb.DuckDBPyConnection, source: str, target: str) -> None:
    """Copy all tables and views of one attached database into another, empty one.

    Raises:
        StoreError: The copy does not hold what its source holds.
    """
    connection.execute(f"copy from database {identifier(source)} to {identifier(target)}")
    if _contents(connection, target) != _contents(connection, source):
        raise StoreError(source, "its copy does not hold the same tables, views and rows")


def _contents(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, int | None]:
    """Return table or view → rows; None for a view."""
    views = connection.execute(
        "select schema_name, view_name from duckdb_views() where database_name = ? and not internal",
        [database],
    ).fetchall()
    contents: dict[str, int | None] = {f"{schema}.{view}": None for schema, view in views}
    for schema, table in tables_in(connection, database):
        name = ".".join(identifier(part) for part in (database, schema, table))
        contents[f"{schema}.{table}"] = number(connection, f"select count(*) from {name}")
    return contents


def _log_of(path: Path) -> Path:
    """Return the write-ahead log of a DuckDB file."""
    return path.with_name(f"{path.name}.wal")


def _leftovers(home: Home) -> list[Path]:
    return [*leftovers_of(home.warehouse_path), *leftovers_of(home.published_path)]


def _unlink_leftovers(home: Home) -> None:
    unlink_durably(*_leftovers(home))
