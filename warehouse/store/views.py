"""Write SQL over exactly the files that the ledger lists: no glob ever decides what is data."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from warehouse.ledger.parts import Part
from warehouse.store.connection import identifier, quoted

Schema = Sequence[tuple[str, str]]

_RESTRICTED = "_restricted"
_RESTRICTED_ROWS = pa.schema([(name, pa.string()) for name in ("workspace_id", "token", "source")])
_HIVE_TYPES = "{'event_date': date, 'retention_days': integer}"
_PARTITION_COLUMNS = (("event_date", "date"), ("retention_days", "integer"))


def scan_sql(parts: Sequence[Part], *, data: Path, columns: Schema) -> str:
    """Return a query over store files: typed, empty where there are none, pruned by partition columns.

    One `read_parquet` per key and set of columns: a call takes one key, and DuckDB 1.5.5 fails on
    `union_by_name` with encryption. An explicit file list prunes hive partitions as well as a glob.
    """
    queries = [f"select {_cells(columns, present=())} where false"]
    hive = set(_PARTITION_COLUMNS) <= set(columns)
    from_path = [name for name, _ in _PARTITION_COLUMNS] if hive else []
    for (key_name, present), group in group_by_layout(parts).items():
        cells = _cells(columns, present=(*present, *from_path))
        queries.append(f"select {cells} from {read_parquet(group, data=data, key_name=key_name, hive=hive)}")
    return " union all ".join(queries)


def raw_scan(parts: Sequence[Part], *, data: Path, columns: Sequence[str] = ()) -> str:
    """Return a query over store files as they are, without partition columns; all columns, or some."""
    names = ", ".join(identifier(name) for name in columns) or "*"
    queries = [
        f"select {names} from {read_parquet(group, data=data, key_name=key_name, hive=False)}"
        for (key_name, _), group in group_by_layout(parts).items()
    ]
    nothing = ", ".join(f"null::varchar as {identifier(name)}" for name in columns) or "null as nothing"
    return " union all by name ".join(queries) or f"select {nothing} where false"


def read_parquet(
    parts: Sequence[Part], *, data: Path, key_name: str, hive: bool, filename: bool = False
) -> str:
    """Return the table function over files of one key and set of columns; ``filename`` adds that column."""
    listed = ", ".join(quoted(f"{data}/{part.path}") for part in parts)
    partitioning = (
        f"hive_partitioning = true, hive_types = {_HIVE_TYPES}" if hive else "hive_partitioning = false"
    )
    named = ", filename = true" if filename else ""
    return (
        f"read_parquet([{listed}], encryption_config = {{footer_key: {quoted(key_name)}}}, "
        f"{partitioning}{named})"
    )


def group_by_layout(parts: Sequence[Part]) -> dict[tuple[str, tuple[str, ...]], list[Part]]:
    """Group files that one call can read, by key and columns; in order of name."""
    groups: dict[tuple[str, tuple[str, ...]], list[Part]] = {}
    for part in sorted(parts, key=lambda part: (part.key_name, part.columns, part.path)):
        groups.setdefault((part.key_name, part.columns), []).append(part)
    return groups


def _cells(columns: Schema, *, present: Sequence[str]) -> str:
    return ", ".join(
        identifier(name) if name in present else f"null::{type_} as {identifier(name)}"
        for name, type_ in columns
    )


def create_views(
    connection: duckdb.DuckDBPyConnection,
    parts: Sequence[Part],
    *,
    data: Path,
    schemas: Mapping[str, Schema],
    restricted: Sequence[tuple[str, str, str | None]] = (),
) -> None:
    """Create one view per data set over its live files.

    Args:
        schemas: Data set → name and type of its columns, partition columns included.
        restricted: Workspace and token of persons whose rows are not to be seen; of one data set, None = all.
    """
    connection.execute("create schema if not exists memory.store")
    if restricted:
        rows = [dict(zip(_RESTRICTED_ROWS.names, row, strict=True)) for row in restricted]
        listed = pa.Table.from_pylist(rows, _RESTRICTED_ROWS)
        create_tables(connection, {_RESTRICTED: listed})
    by_source: dict[str, list[Part]] = {source: [] for source in schemas}
    for part in parts:
        if part.source in by_source:
            by_source[part.source].append(part)
    for source, columns in schemas.items():
        conditions = ["deleted_at is null"] if any(name == "deleted_at" for name, _ in columns) else []
        if restricted and (hidden := _hidden(source, columns)):
            conditions.append(hidden)
        where = f" where {' and '.join(conditions)}" if conditions else ""
        sql = f"select * from ({scan_sql(by_source[source], data=data, columns=columns)}) as r{where}"
        connection.execute(f"create or replace view memory.store.{identifier(source)} as {sql}")


def _hidden(source: str, columns: Schema) -> str:
    """Return the condition that a row names nobody whose rows are not to be seen; any token may name one."""
    tokens = [f"r.{identifier(name)}" for name, _ in columns if name.endswith("_token")]
    if not tokens or not any(name == "workspace_id" for name, _ in columns):
        return ""
    # A condition each: with one for all columns, DuckDB 1.5.5 compares every row with everybody.
    return " and ".join(
        f"not exists (select 1 from memory.store.{_RESTRICTED} as n where n.workspace_id = r.workspace_id "
        f"and n.token = {token} and coalesce(n.source, {quoted(source)}) = {quoted(source)})"
        for token in tokens
    )


def create_tables(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, pa.Table]) -> None:
    """Create tables beside the views, in memory: rows that no file of the store holds."""
    for name, rows in tables.items():
        connection.register("_rows", rows)
        connection.execute(f"create or replace table memory.store.{identifier(name)} as from _rows")
        connection.unregister("_rows")


def with_partition_columns(columns: Schema) -> tuple[tuple[str, str], ...]:
    """Return the stored columns of an event data set and the two that its partitions add."""
    return (*columns, *_PARTITION_COLUMNS)
