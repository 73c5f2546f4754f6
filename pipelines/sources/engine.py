"""The query engine of the parsers: in memory, never spilling, closed to files and extensions."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import duckdb

from warehouse.store.connection import quoted

MEMORY_LIMIT = "600MB"
# A second thread costs a third more CPU and gains no time on batches of this size (bench/sources.py).
THREADS = 1


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """The process's database in memory: opening one takes longer than parsing a small file."""
    database = duckdb.connect(
        ":memory:",
        config={
            "temp_directory": "",
            "memory_limit": MEMORY_LIMIT,
            "threads": THREADS,
            "autoinstall_known_extensions": False,
            "python_enable_replacements": False,
            "preserve_insertion_order": True,
        },
    )
    database.execute("set enable_external_access = false")
    return database


@contextmanager
def open_engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection for the raw rows of one file; nothing of it ever reaches a disk.

    Only temporary tables may be made on it: they are this connection's alone and go with it.
    """
    connection = _database().cursor()
    try:
        connection.execute("set timezone = 'UTC'; set enable_progress_bar = false")
        yield connection
    except (duckdb.InternalException, duckdb.FatalException):
        # DuckDB lets nobody use a database any more in which this happened: the next file gets a new one.
        _database.cache_clear()
        raise
    finally:
        connection.close()


def quoted_list(texts: Sequence[str]) -> str:
    """A SQL list of string literals."""
    return "[" + ", ".join(quoted(t) for t in texts) + "]"
