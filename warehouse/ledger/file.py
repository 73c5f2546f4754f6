"""Open the file of the ledger: connections, transactions and single values.

SQLite in WAL mode with full synchronisation, so that a commit is atomic across processes and survives a
crash. It holds file names, counts and keyed hashes; never a row, never a value.
"""

import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from warehouse.errors import FormatError

# Raised by whoever changes what a ledger, the store or the cubes hold, so that older ones are told apart.
FORMAT = 2
# How long a process waits for another one that is writing.
_BUSY_S = 60
# How often emptying the log waits so long for readers. At the end of the process it is emptied in any case.
_CHECKPOINTS = 3


class LedgerFile:
    """Open the file. Threads may share the handle: each has its own connections. A fork may not use it.

    While it is open, nothing else in the process may open the file: POSIX locks end with the first
    descriptor that is closed.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path
        self._held = threading.local()
        self._process = os.getpid()
        connection = self._connection("writer")
        _use_write_ahead_log(connection)
        create_schema(connection)

    def _connection(self, use: str) -> sqlite3.Connection:
        """Return this thread's connection for one use; it stays open: opening costs more than most queries.

        A connection to a file that was replaced meanwhile is not used again.
        """
        if os.getpid() != self._process:
            raise RuntimeError("a forked process needs a ledger of its own")
        held: dict[str, tuple[int, sqlite3.Connection]] = self._held.__dict__
        if use in held and held[use][0] == self._file():
            return held[use][1]
        connection = sqlite3.connect(
            self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        connection.execute("pragma synchronous = full")
        connection.execute("pragma secure_delete = on")
        connection.row_factory = sqlite3.Row
        # Also at the end of the process, so that the last one to leave empties the write-ahead log.
        weakref.finalize(self, connection.close)
        held[use] = (self._file(), connection)
        return connection

    def _file(self) -> int:
        return self._path.stat().st_ino if self._path.exists() else 0

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction for writing; on an exception nothing of it stays."""
        connection = self._connection("writer")
        connection.execute("begin immediate")
        try:
            yield connection
        except BaseException:
            connection.execute("rollback")
            raise
        connection.execute("commit")

    def checkpoint(self) -> None:
        """Empty the write-ahead log, which keeps copies of what was erased."""
        for _ in range(_CHECKPOINTS):
            done = self._connection("writer").execute("pragma wal_checkpoint(truncate)").fetchone()
            if not done["busy"]:
                return

    def read(self, sql: str, *parameters: object) -> list[sqlite3.Row]:
        """Return the rows of a query that changes nothing; within a transaction, as they were before it."""
        return self._connection("reader").execute(sql, parameters).fetchall()

    def value(self, name: str) -> str | None:
        """Return a single value by its name; None where it was never set."""
        rows = self.read("select value from meta where name = ?", name)
        return str(rows[0]["value"]) if rows else None

    def set_value(self, name: str, value: str) -> None:
        """Set a single value."""
        with self.transaction() as connection:
            connection.execute("replace into meta values (?, ?)", (name, value))


@retry(
    retry=retry_if_exception_type(sqlite3.OperationalError),
    stop=stop_after_delay(_BUSY_S),
    wait=wait_fixed(0.01),
    reraise=True,
)
def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch a new ledger to write-ahead logging; another process may do so at the same moment.

    SQLite then fails at once instead of waiting for the other process, as it does everywhere else.
    """
    connection.execute("pragma journal_mode = wal")


def create_schema(connection: sqlite3.Connection) -> None:
    """Make the tables, indexes and triggers that are missing; in a new file all at once.

    Each commit waits for the disk, and a file without a table would wait forty times.

    Raises:
        FormatError: The ledger is of another version of this software.
    """
    is_new = connection.execute("select 1 from sqlite_schema").fetchone() is None
    (found,) = connection.execute("pragma user_version").fetchone()
    if not is_new and found != FORMAT:
        raise FormatError(found, FORMAT)
    schema = resources.files("warehouse.ledger").joinpath("schema.sql").read_text("utf-8")
    made = f"pragma user_version = {FORMAT}; {schema}"
    connection.executescript(f"begin immediate; {made} commit;" if is_new else schema)


def now() -> str:
    """Return the machine's clock (naive UTC, ISO 8601)."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat()
