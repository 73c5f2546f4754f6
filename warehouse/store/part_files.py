"""Write and discard the files of parts: encrypted Parquet, durable before the ledger lists it."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

import duckdb

from warehouse.errors import RowsError
from warehouse.files import fsync_directory, fsync_file
from warehouse.home import Home
from warehouse.keys.keyring import Purpose
from warehouse.ledger.ledger import Ledger
from warehouse.ledger.parts import Part
from warehouse.store.connection import Engine, number, quoted
from warehouse.store.sketches import files_of
from warehouse.store.views import raw_scan

# Rows lie in order of their workspace: whoever asks for one workspace reads few groups. DuckDB's own 122,880
# make files no smaller, and other scans no faster.
ROW_GROUP_ROWS = 20_480


def write_part(
    connection: duckdb.DuckDBPyConnection, template: Part, query: str, *, home: Home, engine: Engine
) -> Part:
    """Write the rows of a query as one encrypted, durable file; return its part, not yet committed.

    Written under a temporary name, synced, renamed, its directory synced.

    Args:
        template: The part but for path and bytes; its columns where the caller knows them, else none.

    Raises:
        RowsError: The query gives another number of rows than the template says. No file is left.
    """
    engine.keyring.get(Purpose.PARQUET, template.key_name)
    engine.add_keys(connection, [template.key_name])
    name = f"part-{template.batch_id}-{secrets.token_hex(4)}.parquet"
    relative = Path("store") / template.source / template.partition / name
    target = home.data / relative
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = target.with_name(f".{name}.tmp")
    try:
        rows = number(
            connection,
            f"copy ({query}) to {quoted(str(temporary))} (format parquet, compression zstd, "
            f"row_group_size {ROW_GROUP_ROWS}, "
            f"encryption_config {{footer_key: {quoted(template.key_name)}}})",
        )
        if rows != template.rows:
            raise RowsError(template.source, rows, template.rows)
        fsync_file(temporary)
        temporary.rename(target)
        fsync_directory(target.parent)
    finally:
        temporary.unlink(missing_ok=True)
    columns = template.columns or tuple(
        column[0] for column in connection.execute(f"{query} limit 0").description or ()
    )
    return replace(template, path=str(relative), bytes=target.stat().st_size, columns=columns)


class PartWriter:
    """Collect the files that one batch writes; after an error, none that is not committed is left behind."""

    def __init__(self, home: Home, *, ledger: Ledger, engine: Engine, batch_id: str) -> None:
        self._home = home
        self._ledger = ledger
        self._engine = engine
        self.batch_id = batch_id
        self._parts: list[Part] = []
        # What does not fit into memory spills to the private directory, encrypted.
        self._connection = engine.cursor()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        self.close(committed=failed is None)

    def close(self, *, committed: bool) -> None:
        """Free the connection; unless committed, remove every file written."""
        self._connection.close()
        if not committed:
            discard_uncommitted(self._home, self._ledger, self._parts)

    def _write(self, template: Part, query: str) -> None:
        self._parts.append(
            write_part(self._connection, template, query, home=self._home, engine=self._engine)
        )

    def _scan(self, parts: Sequence[Part], *, columns: Sequence[str] = ()) -> str:
        self._engine.add_keys(self._connection, (part.key_name for part in parts))
        return raw_scan(parts, data=self._home.data, columns=columns)


def discard_uncommitted(home: Home, ledger: Ledger, parts: Iterable[Part]) -> None:
    """Unlink files after an error, but none that the ledger lists.

    The error may have come after the commit (an interrupt, a full disk): then the files are the only copy.
    """
    listed = ledger.known_paths()
    for part in parts:
        if part.path not in listed:
            for path in files_of(home, part):
                path.unlink(missing_ok=True)
