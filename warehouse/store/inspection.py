"""Look at store files without looking at rows: which there are, of which columns, how many rows."""

from collections.abc import Sequence
from contextlib import closing

from warehouse.home import Home
from warehouse.ledger.parts import Part
from warehouse.store.connection import Engine, without_values
from warehouse.store.views import group_by_layout, raw_scan


def damaged_files(home: Home, parts: Sequence[Part]) -> int:
    """Count the files that are missing, or not of the size that the ledger tells."""
    sizes = [(home.data / part.path, part.bytes) for part in parts]
    return sum(not path.is_file() or path.stat().st_size != size for path, size in sizes)


def count_rows(home: Home, *, engine: Engine, parts: Sequence[Part]) -> int:
    """Count the rows of some files of one data set, by the files' own footers.

    Raises:
        KeyringError: A key is missing.
        StoreError: A file could not be read.
    """
    groups = [list(parts)] if parts else []
    return sum(rows for (rows,) in _query(home, engine, groups, "select count(*) from ({scan})"))


def written_columns(home: Home, *, engine: Engine, parts: Sequence[Part]) -> set[tuple[str, str]]:
    """Return name and type of every column found in some files of one data set.

    Files that the ledger gives the same key and columns were written by the same code, so one of
    each kind is opened.

    Raises:
        KeyringError: A key is missing.
        StoreError: A file could not be read.
    """
    groups = [group[:1] for group in group_by_layout(parts).values()]
    found = _query(home, engine, groups, "describe {scan}")
    return {(str(name), str(type_).lower()) for name, type_, *_ in found}


def _query(home: Home, engine: Engine, groups: Sequence[Sequence[Part]], sql: str) -> list[tuple[int, ...]]:
    """Run a query over each group of files of one data set."""
    if not groups:
        return []
    source = groups[0][0].source
    with (
        without_values(source, "its files could not be read"),
        closing(engine.cursor()) as connection,
    ):
        engine.add_keys(connection, (part.key_name for group in groups for part in group))
        return [
            row
            for group in groups
            for row in connection.execute(sql.format(scan=raw_scan(group, data=home.data))).fetchall()
        ]
