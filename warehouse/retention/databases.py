"""What retention means for the warehouse file: it is rewritten by copy, so that no deleted byte stays in it.

DuckDB leaves deleted rows in free blocks, whatever is deleted, dropped, checkpointed or vacuumed. Only a
copy into a fresh file is free of them.
"""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb

from warehouse.errors import LockedError, StoreError
from warehouse.files import leftovers_of, replacing, state_of, unlink_durably
from warehouse.home import Home
from warehouse.keys.keyring import KeyStore
from warehouse.keys.locks import warehouse_lock
from warehouse.ledger.ledger import Ledger
from warehouse.store.connection import connect, identifier
from warehouse.store.session import LOCK_TIMEOUT_S, attach_database

# Name in the ledger's `meta`; size and time of the file as the last rewrite left it.
_STATE = "warehouse_rewritten"


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What a rewrite did: tables and rows copied, size before and after."""

    tables: int = 0
    rows: int = 0
    bytes_before: int = 0
    bytes_after: int = 0


def rewrite(home: Home, *, keyring: KeyStore) -> Rewritten:
    """Copy the warehouse file into a fresh one, which takes its place at once; nothing where there is none.

    The fresh file holds what queries see and no more: no free blocks, no write-ahead log. A crash leaves
    the old file or the new one.

    Raises:
        LockedError: Another process has the warehouse file.
        StoreError: It could not be copied; it is as it was.
    """
    with warehouse_lock(home.locks, timeout_s=LOCK_TIMEOUT_S):
        _unlink_leftovers(home)
        path = home.warehouse_path
        if not path.exists():
            return Rewritten()
        before = path.stat().st_size
        try:
            with replacing(path) as fresh, closing(connect(tmp=home.tmp)) as connection:
                # Not read-only: what a killed build left in the log has to come along.
                attach_database(connection, path, alias="warehouse", keyring=keyring, read_only=False)
                connection.execute("checkpoint warehouse")
                attach_database(connection, fresh, alias="fresh", keyring=keyring, read_only=False)
                rows = copy_database(connection, "warehouse", "fresh")
                connection.execute("detach fresh")
                connection.execute("detach warehouse")
                if _log_of(path).exists() or _log_of(fresh).exists():
                    raise StoreError(path.name, "its write-ahead log is not empty")
        except duckdb.Error as error:
            raise StoreError(path.name, f"it could not be copied ({type(error).__name__})") from None
        finally:
            _unlink_leftovers(home)
        _note_rewritten(home)
        return Rewritten(len(rows), sum(rows.values()), before, path.stat().st_size)


def needs_rewrite(home: Home, ledger: Ledger) -> bool:
    """Whether the warehouse file changed since it was last rewritten; not where there is none."""
    if not home.warehouse_path.exists():
        return False
    return ledger.value(_STATE) != state_of(home.warehouse_path)


def remove_leftovers(home: Home) -> None:
    """Unlink what a killed rewrite or publication left half done; nothing while one is under way."""
    if _leftovers(home):
        try:
            with warehouse_lock(home.locks, timeout_s=0):
                _unlink_leftovers(home)
        except LockedError:
            return


def copy_database(connection: duckdb.DuckDBPyConnection, source: str, target: str) -> dict[str, int]:
    """Copy all tables and views of one attached database into another, empty one; rows by table.

    Raises:
        StoreError: The copy does not hold what its source holds.
    """
    connection.execute(f"copy from database {identifier(source)} to {identifier(target)}")
    copied = _contents(connection, target)
    if copied != _contents(connection, source):
        raise StoreError(source, "its copy does not hold the same tables, views and rows")
    return {name: rows for name, rows in copied.items() if rows is not None}


def _contents(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, int | None]:
    """Table or view → rows; None for a view."""
    tables = connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = ?", [database]
    ).fetchall()
    views = connection.execute(
        "select schema_name, view_name from duckdb_views() where database_name = ? and not internal",
        [database],
    ).fetchall()
    contents: dict[str, int | None] = {f"{schema}.{view}": None for schema, view in views}
    for schema, table in tables:
        name = ".".join(identifier(part) for part in (database, schema, table))
        row = connection.execute(f"select count(*) from {name}").fetchone()
        contents[f"{schema}.{table}"] = int(row[0]) if row else 0
    return contents


def _note_rewritten(home: Home) -> None:
    with Ledger(home.ledger_path).transaction() as connection:
        connection.execute("replace into meta values (?, ?)", (_STATE, state_of(home.warehouse_path)))


def _log_of(path: Path) -> Path:
    """The write-ahead log of a DuckDB file."""
    return path.with_name(f"{path.name}.wal")


def _leftovers(home: Home) -> list[Path]:
    return [*leftovers_of(home.warehouse_path), *leftovers_of(home.published_path)]


def _unlink_leftovers(home: Home) -> None:
    unlink_durably(*_leftovers(home))
