"""Read the store without the warehouse file: a few columns of one data set, as a table."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager

import duckdb
import pyarrow as pa

from warehouse.home import Home
from warehouse.keys.locks import reader_lease
from warehouse.ledger.parts import Part
from warehouse.store.connection import Engine, identifier, without_values
from warehouse.store.sketches import parts_naming
from warehouse.store.store import Store
from warehouse.store.views import Schema, raw_scan, scan_sql

_UNREADABLE = "the store could not be read"
_BATCH_ROWS = 100_000


def read_columns(
    store: Store,
    source: str,
    *,
    schema: Schema,
    columns: Sequence[str] | Mapping[str, str],
    deleted: bool = False,
    where: str = "true",
    distinct: bool = False,
    naming: Collection[str] | None = None,
    every_file: bool = False,
) -> pa.Table:
    """Return the given columns of all living rows of a data set, in no order.

    Args:
        columns: Their names, or name → SQL.
        deleted: Return the markers of deleted rows too, which views leave out.
        where: Condition in SQL.
        distinct: Return rows that agree in the given columns once.
        naming: Read only files that may have one of these tokens, or tokens that begin so. The condition
            finds these in the table `wanted (token)`.
        every_file: Read the others too: for a search that does not trust sketches.

    Raises:
        KeyringError: A key is missing.
        StoreError: A file could not be read.
    """
    cells = columns if isinstance(columns, Mapping) else {name: identifier(name) for name in columns}
    names = ", ".join(f"{sql} as {identifier(name)}" for name, sql in cells.items())
    select = f"select {'distinct ' if distinct else ''}{names}"
    found = _selected(
        store, source, schema, select, where, deleted=deleted, naming=naming, every_file=every_file
    )
    with found as result:
        return result.to_arrow_table()


def read_batches(store: Store, source: str, *, schema: Schema, where: str) -> Iterator[pa.RecordBatch]:
    """Yield all columns of the living rows of a data set as `read_columns` returns them, some at a time."""
    names = ", ".join(identifier(name) for name, _ in schema)
    with _selected(store, source, schema, f"select {names}", where) as result:
        yield from result.to_arrow_reader(_BATCH_ROWS)


@contextmanager
def _selected(
    store: Store,
    source: str,
    schema: Schema,
    select: str,
    where: str,
    *,
    deleted: bool = False,
    naming: Collection[str] | None = None,
    every_file: bool = False,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Run a query over the rows of a data set."""
    home, engine = store.home, store.engine
    with (
        reader_lease(home.locks, store.ledger.generation()),
        without_values(source, _UNREADABLE),
        closing(engine.cursor()) as connection,
    ):
        parts = store.ledger.live_parts(source)
        if naming is not None:
            connection.register("wanted", pa.table({"token": pa.array(naming, pa.string())}))
            if not every_file:
                parts = parts_naming(connection, parts, naming, home=home, engine=engine)
        engine.add_keys(connection, (part.key_name for part in parts))
        if not deleted and any(name == "deleted_at" for name, _ in schema):
            where = f"deleted_at is null and ({where})"
        rows = scan_sql(parts, data=home.data, columns=schema)
        yield connection.execute(f"{select} from ({rows}) where {where}")


def read_cached(
    store: Store, source: str, *, schema: Schema, columns: Sequence[str], deleted: bool = False
) -> pa.Table:
    """Return what `read_columns` does; from disk only if the data set's files have changed since."""
    asked = (source, *columns, deleted)
    files = frozenset(part.path for part in store.ledger.live_parts(source))
    known = store.tables_read.get(asked)
    if known is None or known[0] != files:
        table = read_columns(store, source, schema=schema, columns=columns, deleted=deleted)
        known = store.tables_read[asked] = (files, table)
    return known[1]


def read_parts(home: Home, *, engine: Engine, parts: Sequence[Part]) -> pa.Table:
    """Return all rows of some store files as they were written, in the order of the files.

    Raises:
        KeyringError: A key is missing.
        StoreError: A file could not be read.
    """
    source = parts[0].source if parts else "store"
    with without_values(source, _UNREADABLE), closing(engine.cursor()) as connection:
        engine.add_keys(connection, (part.key_name for part in parts))
        return connection.execute(raw_scan(parts, data=home.data)).to_arrow_table()
