"""Open in-memory DuckDB connections that can read and write encrypted Parquet."""

import base64
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import duckdb

from warehouse.errors import StoreError
from warehouse.files import state_of
from warehouse.keys.keyring import KeyStore, Purpose

# The encryption library as DuckDB checked its signature in this process. For that it reads all 21 MB, which
# takes five times as long as the rest of opening a connection.
_CHECKED: set[str] = set()


class Engine:
    """Hold one in-memory database per process and warehouse; work is done on cursors of it.

    Loading the encryption library takes longer than ingesting a small file, so it is loaded once.

    Attributes:
        asked: What sketches answered: the tokens asked for → path and state of a sketch → whether it has one.
    """

    def __init__(self, tmp: Path, keyring: KeyStore) -> None:
        self._tmp = tmp
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._added: dict[str, bytes] = {}
        self.keyring = keyring
        self.asked: dict[bytes, dict[str, bool]] = {}

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Open a connection with temporary tables of its own; the caller closes it."""
        if self._connection is None:
            self._connection = connect(tmp=self._tmp)
        return self._connection.cursor()

    def release(self) -> None:
        """Give back the memory; the next cursor starts anew."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._added.clear()

    def add_keys(self, connection: duckdb.DuckDBPyConnection, names: Iterable[str]) -> None:
        """Make Parquet keys known to all cursors, those that are not yet.

        Raises:
            KeyringError: One of them does not exist.
        """
        keys = {name: self.keyring.find(Purpose.PARQUET, name) for name in set(names)}
        new = {name: key for name, key in keys.items() if self._added.get(name) != key}
        add_parquet_keys(connection, self.keyring, new)
        self._added |= new


def connect(*, tmp: Path, memory_limit: str = "600MB", threads: int = 1) -> duckdb.DuckDBPyConnection:
    """Open an in-memory database; what spills to ``tmp`` is encrypted under a key of its own.

    Args:
        threads: A second one costs a quarter more CPU, and gains time on millions of rows only.
    """
    connection = duckdb.connect(
        ":memory:",
        config={
            "temp_directory": str(tmp),
            "memory_limit": memory_limit,
            "threads": threads,
            "allow_unsigned_extensions": is_library_checked(),
            "autoinstall_known_extensions": False,
        },
    )
    prepare(connection)
    return connection


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Load the encryption library and set what every connection of this project has in common.

    DuckDB writes encrypted files only with the OpenSSL of its signed httpfs extension, which comes
    from a Python package: nothing is downloaded.
    """
    with _library() as path:
        connection.execute(f"load {quoted(str(path))}")
        # No other library is loaded unchecked, and from here on nothing allows it again.
        connection.execute("set allow_unsigned_extensions = false")
        _CHECKED.add(state_of(path))
    connection.execute("set temp_file_encryption = true")
    connection.execute("set timezone = 'UTC'")
    connection.execute("set preserve_insertion_order = true")
    connection.execute("set enable_progress_bar = false")
    # A table that is not there is an error, and not a variable of this process that has its name.
    connection.execute("set python_enable_replacements = false")


def is_library_checked() -> bool:
    """Return whether DuckDB has checked the signature of the encryption library, as it is, in this process.

    Only then may a connection be opened that would load an unsigned one; `prepare` takes that back.
    """
    with _library() as path:
        return state_of(path) in _CHECKED


def _library() -> AbstractContextManager[Path]:
    return as_file(
        files("duckdb_extension_httpfs") / "extensions" / f"v{duckdb.__version__}" / "httpfs.duckdb_extension"
    )


def add_parquet_keys(connection: duckdb.DuckDBPyConnection, keyring: KeyStore, names: Iterable[str]) -> None:
    """Make Parquet keys known to a connection (and its cursors); they stay in its memory.

    Raises:
        KeyringError: One of them does not exist.
    """
    for name in sorted(set(names)):
        key = base64.b64encode(keyring.find(Purpose.PARQUET, name)).decode()
        connection.execute(f"pragma add_parquet_key({quoted(name)}, {quoted(key)})")


def number(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Any = None) -> int:
    """Return the one number that a statement gives: a count, or how many rows it changed."""
    ((found,),) = connection.execute(sql, parameters).fetchall()
    return int(found)


def tables_in(
    connection: duckdb.DuckDBPyConnection, database: str, schema: str | None = None
) -> dict[tuple[str, str], dict[str, str]]:
    """Return (schema, table) → column → type for the tables of an attached database, views left out."""
    cells = connection.execute(
        "select schema_name, table_name, column_name, data_type from duckdb_columns() "
        "where database_name = $database and schema_name = coalesce($schema, schema_name) and "
        "(schema_name, table_name) in "
        "(select (schema_name, table_name) from duckdb_tables() where database_name = $database) "
        "order by schema_name, table_name, column_index",
        {"database": database, "schema": schema},
    ).fetchall()
    tables: dict[tuple[str, str], dict[str, str]] = {}
    for schema_name, table, column, type_ in cells:
        tables.setdefault((schema_name, table), {})[column] = type_
    return tables


@contextmanager
def without_values(place: str, problem: str) -> Iterator[None]:
    """Raise DuckDB's errors as a `StoreError` of place, problem and kind: their own text may quote values."""
    try:
        yield
    except duckdb.Error as error:
        raise StoreError(place, f"{problem} ({type(error).__name__})") from None


def quoted(text: str) -> str:
    """Return a text as a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a name as a SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
