"""Looking at store files without looking at rows: what is there, of which columns, how many."""

from collections.abc import Sequence

import duckdb

from warehouse.errors import StoreError
from warehouse.home import Home
from warehouse.keys.keyring import KeyStore
from warehouse.ledger.parts import Part
from warehouse.store.connection import add_parquet_keys, connect
from warehouse.store.views import group_by_layout, raw_scan


def damaged_files(home: Home, parts: Sequence[Part]) -> int:
    """How many files are not there, or not of the size the ledger tells."""
    sizes = [(home.data / part.path, part.bytes) for part in parts]
    return sum(not path.is_file() or path.stat().st_size != size for path, size in sizes)


def count_rows(home: Home, *, keyring: KeyStore, parts: Sequence[Part]) -> int:
    """Rows in some files of one data set, by the files' own footers.

    Raises:
        KeyringError: A key is missing.
        StoreError: A file could not be read.
    """
    return sum(
        rows for (rows,) in _query(home, keyring, parts, "select count(*) from ({scan})", by_layout=False)
    )


def written_columns(home: Home, *, keyring: KeyStore, parts: Sequence[Part]) -> set[tuple[str, str]]:
    """Name and type of every column found in some files of one data set.

    Files that the ledger gives the same key and columns were written by the same code, so one of
    each kind is opened.

    Raises:
        KeyringError: A key is missing.
        StoreError: A file could not be read.
    """
    found = _query(home, keyring, parts, "describe {scan}", by_layout=True)
    return {(str(name), str(type_).lower()) for name, type_, *_ in found}


def _query(
    home: Home, keyring: KeyStore, parts: Sequence[Part], sql: str, *, by_layout: bool
) -> list[tuple[int, ...]]:
    if not parts:
        return []
    groups = [group[:1] for group in group_by_layout(parts).values()] if by_layout else [list(parts)]
    connection = connect(tmp=home.tmp, memory_limit="200MB")
    try:
        add_parquet_keys(connection, keyring, (part.key_name for group in groups for part in group))
        return [
            row
            for group in groups
            for row in connection.execute(sql.format(scan=raw_scan(group, data=home.data))).fetchall()
        ]
    except duckdb.Error as error:
        raise StoreError(parts[0].source, f"its files could not be read ({type(error).__name__})") from None
    finally:
        connection.close()
