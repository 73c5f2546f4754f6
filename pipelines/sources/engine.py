"""The query engine of the parsers: in memory, never spilling, closed to files and extensions."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import duckdb

from warehouse.connection import quoted

MEMORY_LIMIT = "600MB"
# A second thread costs a third more CPU and gains no time on batches of this size (bench/sources.py).
THREADS = 1


@contextmanager
def open_engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory for the raw rows of one file; nothing of it ever reaches a disk."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "temp_directory": "",
            "memory_limit": MEMORY_LIMIT,
            "threads": THREADS,
            "autoinstall_known_extensions": False,
            "python_enable_replacements": False,
        },
    )
    try:
        connection.execute("set enable_external_access = false")
        connection.execute("set timezone = 'UTC'")
        connection.execute("set preserve_insertion_order = true")
        connection.execute("set enable_progress_bar = false")
        yield connection
    finally:
        connection.close()


def quoted_list(texts: Sequence[str]) -> str:
    """A SQL list of string literals."""
    return "[" + ", ".join(quoted(t) for t in texts) + "]"
