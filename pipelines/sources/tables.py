"""Application tables: Parquet and JSON Lines, and what all kinds of tables share."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.declarations.contract import Contract, UnknownColumns
from pipelines.sources.batch import PAYLOADS, REJECTED, in_pieces, rejections
from pipelines.sources.cells import without_words
from pipelines.sources.errors import MissingColumnsError, UndeclaredColumnsError, UnreadableFileError
from pipelines.sources.json_items import item_query, unknown_items
from pipelines.sources.records import MAX_HELD_BYTES, MAX_RECORD_BYTES
from pipelines.sources.staging import CHUNK, Staged, rejected_by, timestamp_literal
from warehouse.store.connection import identifier

# A Parquet file of 11 kB can hold 1 GB of equal values: what is promised is checked before it is read.
MAX_COLUMNS = 1_000
MAX_ROW_GROUP_BYTES = 1 << 30
_BATCH_ROWS = 32_768
_BATCH_BYTES = 64 << 20


@dataclass(frozen=True, slots=True, repr=False)
class TableBatch:
    """Some rows of a table. ``repr`` is off: it holds them.

    Attributes:
        rows: `_record`, then the table's own columns, of whatever types it has.
        rejected: Rows that could not be read.
        raw: Raw form of those, where rows are not what was read; else empty.
        form: How the file was read, as a sentence for messages.
    """

    rows: pa.Table
    rejected: pa.Table = field(default_factory=REJECTED.empty_table)
    raw: pa.Table = field(default_factory=PAYLOADS.empty_table)
    form: str = ""


class TableSource(Protocol):
    """Where the rows of one table come from; a database may be another."""

    def batches(self) -> Iterator[TableBatch]:
        """The rows in their order, in batches of bounded memory.

        Raises:
            UnreadableFileError: The source is broken.
        """


@dataclass(frozen=True, slots=True)
class ParquetTable:
    """A Parquet file."""

    path: Path
    source: str

    def batches(self) -> Iterator[TableBatch]:
        done = 0
        try:
            with pq.ParquetFile(self.path) as plain:
                self._check_promises(plain.metadata)
                texts = [f.name for f in plain.schema_arrow if _is_text(f.type)]
            # Texts stay dictionaries until their size is known.
            with pq.ParquetFile(self.path, read_dictionary=texts, pre_buffer=False) as file:
                for batch in file.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
                    batch.validate(full=True)
                    yield from self._bearable(pa.Table.from_batches([batch]), done)
                    done += batch.num_rows
        # A name of a column may be no UTF-8.
        except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
            raise self._unreadable(f"not a readable Parquet file ({type(error).__name__})", done) from None

    def _check_promises(self, metadata: pq.FileMetaData) -> None:
        if metadata.num_columns > MAX_COLUMNS:
            raise self._unreadable(f"the file has more than {MAX_COLUMNS} columns", 0)
        groups = (metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
        if any(size > MAX_ROW_GROUP_BYTES for size in groups):
            raise self._unreadable("a row group is larger than 1 GiB; write smaller ones", 0)

    def _bearable(self, rows: pa.Table, done: int) -> Iterator[TableBatch]:
        """Decode, in as many parts as it takes; rows larger than a record may be are set aside."""
        rows = rows.add_column(0, "_record", pa.array(range(done + 1, done + rows.num_rows + 1), pa.int64()))
        sizes = _row_sizes(rows)
        too_large = pc.greater(sizes, MAX_RECORD_BYTES)
        for i in pc.indices_nonzero(too_large).to_pylist():
            yield self._set_aside(rows.slice(i, 1), sizes[i].as_py())
        rows, sizes = rows.filter(pc.invert(too_large)), sizes.filter(pc.invert(too_large))
        total = pc.sum(sizes).as_py() or 0
        step = max(1, rows.num_rows * _BATCH_BYTES // max(total, _BATCH_BYTES))
        for start in range(0, rows.num_rows, step):
            yield TableBatch(_decoded(rows.slice(start, step)))

    def _set_aside(self, row: pa.Table, size: int) -> TableBatch:
        record = row["_record"][0].as_py()
        if size > MAX_HELD_BYTES:
            raise self._unreadable(f"a row is larger than {MAX_HELD_BYTES >> 20} MiB", record - 1)
        (values,) = row.drop(["_record"]).to_pylist()
        return TableBatch(
            _decoded(row.slice(0, 0)),
            rejections([record], source=self.source, reason="record_too_large"),
            pa.table([[record], [json.dumps(values, default=str).encode()]], schema=PAYLOADS),
        )

    def _unreadable(self, reason: str, record: int) -> UnreadableFileError:
        return UnreadableFileError(self.source, reason, record=record)


class TableStage:
    """Checks the columns of a table once, and gives its rows as text."""

    def __init__(self, contract: Contract, *, received_at: datetime) -> None:
        self._contract = contract
        self._received_at = timestamp_literal(received_at)
        self._names = {name: column.path or name for name, column in contract.columns.items()}

    def stage(self, engine: duckdb.DuckDBPyConnection, batch: TableBatch) -> Staged:
        """Register the rows and say how to read them.

        Raises:
            UndeclaredColumnsError: An undeclared column, and the contract stops at such.
            MissingColumnsError: A required column is not in the table.
        """
        contract = self._contract
        folded = [n.lower() for n in batch.rows.column_names]
        if len(set(folded)) < len(folded):
            raise UnreadableFileError(contract.source, "two of its columns have one name", record=0)
        present = [n for n in batch.rows.column_names if n != "_record"]
        unknown = set(present) - set(self._names.values()) - set(contract.ignored)
        # First, for without a header the first row's values stand where names should: they must not be named.
        required = [self._names[name] for name, c in contract.columns.items() if c.required]
        if missing := sorted(set(required) - set(present)):
            raise MissingColumnsError(contract.source, missing, form=batch.form)
        if unknown and contract.unknown is UnknownColumns.STOP:
            raise UndeclaredColumnsError(contract.source, unknown, rows=batch.rows.num_rows)
        engine.register("table_rows", without_words(batch.rows, contract))
        types = {f.name: f.type for f in batch.rows.schema}
        columns = ", ".join(
            f"{_as_text(origin, types.get(origin))} as {identifier(name)}"
            for name, origin in self._names.items()
        )
        head = f"_record, {self._received_at} as _received_at, null::varchar as _channel"
        return Staged(
            rows={contract.source: f"select {head}, {columns} from table_rows"},
            rejected=[batch.rejected],
            unknown={contract.source: batch.rows.num_rows if unknown else 0},
        )

    def payloads(self, engine: duckdb.DuckDBPyConnection, batch: TableBatch) -> pa.Table:
        """The rows of a staged batch as JSON objects, which `JsonRows` reads again."""
        names = [n for n in batch.rows.column_names if n != "_record"]
        row = ", ".join(f"{identifier(n)} := {identifier(n)}" for n in names)
        as_json = f"encode(to_json(struct_pack({row}))::varchar)"
        query = f"select _record as record, {as_json} as payload from table_rows"
        rows = engine.execute(query).to_arrow_table().cast(PAYLOADS)
        return pa.concat_tables([in_pieces(rows), in_pieces(batch.raw)])


class JsonRows:
    """A parser of records that are each one row of a table, as a JSON object without an envelope."""

    def __init__(self, contracts: Sequence[Contract], *, received_at: datetime) -> None:
        (self._contract,) = contracts
        self._received_at = timestamp_literal(received_at)

    def stage(self, engine: duckdb.DuckDBPyConnection) -> Staged:
        source = self._contract.source
        engine.execute(
            "create or replace temp table rows as select record, text as item, "
            # A line of a table that was no row of it comes back from quarantine as it was.
            "case when not json_valid(text) and text[1] in ('{', '[') then 'malformed_json' "
            "when not json_valid(text) then 'malformed_row' "
            f"when not starts_with(ltrim(text), '{{') then 'unrecognized_body' end as fault from {CHUNK}"
        )
        items = (
            f"select record, {self._received_at} as received_at, null::varchar as channel, item "
            "from rows where fault is null"
        )
        unknown, _ = unknown_items(engine, self._contract, items)
        return Staged(
            rows={source: item_query(self._contract, items)},
            rejected=[
                rejected_by(
                    engine, f"select record from rows where fault = '{fault}'", source=source, reason=fault
                )
                for fault in ("malformed_json", "malformed_row", "unrecognized_body")
            ],
            unknown={source: unknown},
        )


def _is_text(kind: pa.DataType) -> bool:
    return any(
        is_kind(kind)
        for is_kind in (
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_binary,
            pa.types.is_large_binary,
        )
    )


def _row_sizes(rows: pa.Table) -> pa.Array:
    """Bytes of each row's texts, without decoding their dictionaries."""
    total = pa.array([0] * rows.num_rows, pa.int64())
    for column in rows.itercolumns():
        for_chunks = []
        for chunk in column.chunks:
            if pa.types.is_dictionary(chunk.type) and _is_text(chunk.type.value_type):
                for_chunks.append(pc.binary_length(chunk.dictionary).cast(pa.int64()).take(chunk.indices))
            elif _is_text(chunk.type):
                for_chunks.append(pc.binary_length(chunk).cast(pa.int64()))
        if for_chunks:
            total = pc.add(total, pc.fill_null(pa.concat_arrays(for_chunks), 0))
    return total


def _decoded(rows: pa.Table) -> pa.Table:
    fields = [
        pa.field(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type) for f in rows.schema
    ]
    return rows.cast(pa.schema(fields))


def _as_text(origin: str, kind: pa.DataType | None) -> str:
    column = identifier(origin)
    if kind is None:
        return "null::varchar"
    if pa.types.is_nested(kind):
        return f"to_json({column})::varchar"
    if pa.types.is_floating(kind):
        return f"nullif({column}, 'nan')::varchar"
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return f"timezone('UTC', {column})::varchar"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return f"try(decode({column}))"
    return f"{column}::varchar"
