"""Read a file, or records in memory, batch by batch: the parsers' front door."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from pipelines.declarations.contract import Contract, Reader
from pipelines.sources.access_log import access_log_parser
from pipelines.sources.batch import ParsedBatch, in_order, rejections, stacked
from pipelines.sources.conform import conform
from pipelines.sources.csv_table import CsvTable
from pipelines.sources.engine import open_engine
from pipelines.sources.error_log import error_log_parser
from pipelines.sources.errors import (
    EngineError,
    SourceError,
    UnreadableFileError,
    UnsupportedContractError,
    UnsupportedFileError,
)
from pipelines.sources.export_tables import table_records
from pipelines.sources.form import FormParser
from pipelines.sources.json_bodies import JsonParser
from pipelines.sources.json_files import json_records
from pipelines.sources.records import (
    Records,
    records_in_memory,
    records_of,
    split_entries,
    split_lines,
    with_line_ends,
)
from pipelines.sources.smpp import SmppParser
from pipelines.sources.staging import CHUNK, Parser, Staged
from pipelines.sources.streams import BrokenStreamError, blocks, uncompressed_name
from pipelines.sources.tables import JsonRows, ParquetTable, TableBatch, TableSource, TableStage
from pipelines.sources.wrapped_lines import unwrapped
from pipelines.sources.xlsx_table import XlsxTable

# Decimals of 256 bits; maps in which a key stands twice; times after the year 294246. A message that quotes a
# value may be cut within a character: no text can be made of it then.
_NOT_HELD = (
    duckdb.NotImplementedException,
    duckdb.InvalidInputException,
    duckdb.ConversionException,
    UnicodeDecodeError,
)
_PARSERS: dict[Reader, Callable[..., Parser]] = {
    Reader.JSON: JsonParser,
    Reader.FORM: FormParser,
    Reader.SMPP: SmppParser,
    Reader.ACCESS_LOG: access_log_parser,
    Reader.ERROR_LOG: error_log_parser,
    Reader.TABLE: JsonRows,
}
_WORKBOOK = b"PK\x03\x04"
_TABLES: dict[str, Callable[[Path, Contract], TableSource]] = {
    "csv": CsvTable,
    "tsv": CsvTable,
    "txt": CsvTable,
    "xlsx": XlsxTable,
}


def read(path: Path, *, contracts: Sequence[Contract], received_at: datetime) -> Iterator[ParsedBatch]:
    """Parse a landed file.

    Every record that is not blank gives at least one row or one rejection. Memory is bounded
    whatever the file holds; nothing is written anywhere.

    Args:
        path: Plain, gzip or zstd; told apart by its first bytes.
        contracts: All that share the file's feed.
        received_at: When records without an envelope were received; naive UTC.

    Raises:
        SourceError: The file as a whole cannot be read as what its contracts say.
    """
    return _contained(_read(path, contracts, received_at), contracts[0].feed)


def _read(path: Path, contracts: Sequence[Contract], received_at: datetime) -> Iterator[ParsedBatch]:
    feed = contracts[0].feed
    reader = _reader(contracts)
    if reader is Reader.TABLE:
        return _read_table(path, contracts, received_at)
    ending = _ending(path)
    if reader is Reader.JSON and ending in _TABLES and len(contracts) == 1:
        rows = table_records(_TABLES[ending](path, contracts[0]), contracts[0])
        return _parse(rows, contracts, received_at)
    split = {Reader.ACCESS_LOG: split_lines, Reader.ERROR_LOG: split_entries}.get(reader)
    if split is None:
        return _read_json(path, contracts, received_at)
    lines = unwrapped(with_line_ends(blocks(path)), split=split)
    return _parse(_guarded(records_of(lines, split=split, source=feed), feed), contracts, received_at)


def _read_json(path: Path, contracts: Sequence[Contract], received_at: datetime) -> Iterator[ParsedBatch]:
    feed = contracts[0].feed
    records = json_records(blocks(path), contracts=contracts, source=feed)
    return _parse(_guarded(records, feed), contracts, received_at)


def _read_table(path: Path, contracts: Sequence[Contract], received_at: datetime) -> Iterator[ParsedBatch]:
    (contract,) = contracts
    match _ending(path):
        case "parquet":
            return _parse_table(ParquetTable(path, contract.source), contract, received_at)
        case ending if ending in _TABLES:
            return _parse_table(_TABLES[ending](path, contract), contract, received_at)
        case "jsonl" | "ndjson" | "json":
            return _read_json(path, contracts, received_at)
        case _:
            raise UnsupportedFileError(contract.feed)


def _ending(path: Path) -> str:
    """Return the ending of a file's name, corrected of a workbook that is called a CSV or an old one."""
    ending = uncompressed_name(path).rpartition(".")[2]
    if ending in (*_TABLES, "xls"):
        with path.open("rb") as file:
            return "xlsx" if file.read(len(_WORKBOOK)) == _WORKBOOK else ending
    return ending


def read_records(
    records: Iterable[bytes], *, contracts: Sequence[Contract], received_at: datetime
) -> Iterator[ParsedBatch]:
    """Parse raw records, as `ParsedBatch.payloads` holds them; numbered by their order, from 1.

    Raises:
        SourceError: As `read`.
    """
    feed = contracts[0].feed
    return _contained(_parse(records_in_memory(records, source=feed), contracts, received_at), feed)


def _contained(batches: Iterator[ParsedBatch], feed: str) -> Iterator[ParsedBatch]:
    """Let out no error of a library: its message may quote the data, and it would end more than this file."""
    last = 0
    try:
        for batch in batches:
            yield batch
            last += batch.rows_read
    except (SourceError, GeneratorExit, KeyboardInterrupt, SystemExit):
        raise
    # A panic in Rust is no `Exception`.
    except BaseException as error:  # noqa: BLE001
        raise EngineError(feed, type(error).__name__, record=last + 1) from None


def _reader(contracts: Sequence[Contract]) -> Reader:
    readers = {contract.reader for contract in contracts}
    if len(readers) > 1 or len({contract.feed for contract in contracts}) > 1:
        raise UnsupportedContractError(contracts[0].feed, "contracts that land together need one reader")
    return readers.pop()


def _guarded(records: Iterator[Records], feed: str) -> Iterator[Records]:
    """Say how far a broken stream could be read."""
    last = 0
    try:
        for batch in records:
            last = batch.last
            yield batch
    except BrokenStreamError as error:
        raise UnreadableFileError(feed, str(error), record=last) from None


def _parse(
    records: Iterator[Records], contracts: Sequence[Contract], received_at: datetime
) -> Iterator[ParsedBatch]:
    parser = _PARSERS[_reader(contracts)](contracts, received_at=received_at)
    with open_engine() as engine:
        for batch in records:
            for part in _parsed(engine, parser, batch, contracts):
                if part.rows_read:
                    yield part


def _parsed(
    engine: duckdb.DuckDBPyConnection, parser: Parser, batch: Records, contracts: Sequence[Contract]
) -> Iterator[ParsedBatch]:
    try:
        engine.register(CHUNK, batch.text)
        whole = _assembled(engine, parser.stage(engine), contracts, batch.payloads, also=batch.rejected)
    except duckdb.OutOfMemoryException:
        whole = None
    except duckdb.Error as error:
        raise EngineError(contracts[0].feed, type(error).__name__, record=batch.first) from None
    if whole is not None:
        yield whole
    elif batch.text.num_rows > 1:
        # A record may unfold to far more than its size; most batches do not have two of them.
        for half in batch.halves():
            yield from _parsed(engine, parser, half, contracts)
    else:
        numbers = batch.text["record"].combine_chunks()
        bad = rejections(numbers, source=contracts[0].feed, reason="record_too_large")
        yield _assembled(engine, Staged({}, [bad]), contracts, batch.payloads, also=batch.rejected)


def _parse_table(table: TableSource, contract: Contract, received_at: datetime) -> Iterator[ParsedBatch]:
    stage = TableStage(contract, received_at=received_at)
    with open_engine() as engine:
        for batch in table.batches():
            try:
                staged = stage.stage(engine, batch)
                parsed = _assembled(engine, staged, [contract], stage.payloads(engine, batch))
            except _NOT_HELD:
                reason = "a column holds values that DuckDB cannot hold"
                raise UnreadableFileError(contract.source, reason, record=_before(batch)) from None
            except duckdb.Error as error:
                raise EngineError(contract.feed, type(error).__name__, record=_before(batch) + 1) from None
            if parsed.rows_read:
                yield parsed


def _before(batch: TableBatch) -> int:
    """Return the record before the first one of a batch."""
    return int(batch.rows["_record"][0].as_py()) - 1 if batch.rows.num_rows else 0


def _assembled(
    engine: duckdb.DuckDBPyConnection,
    staged: Staged,
    contracts: Sequence[Contract],
    payloads: pa.Table,
    *,
    also: pa.Table | None = None,
) -> ParsedBatch:
    """Type the rows of every contract, and count."""
    by_source = {contract.source: contract for contract in contracts}
    conformed = {source: conform(engine, raw, by_source[source]) for source, raw in staged.rows.items()}
    tables = {source: c.rows for source, c in conformed.items() if c.rows.num_rows}
    parts = [*([also] if also else []), *staged.rejected, *(c.rejected for c in conformed.values())]
    rejected = in_order(stacked(parts), "record")
    dropped = dict(staged.dropped)
    for found in conformed.values():
        dropped |= found.dropped
    rows_read = sum(t.num_rows for t in tables.values()) + rejected.num_rows + sum(dropped.values())
    return ParsedBatch(
        tables=tables,
        rejected=rejected,
        payloads=payloads,
        rows_read=rows_read,
        unknown={source: rows for source, rows in staged.unknown.items() if rows},
        masked={name: rows for c in conformed.values() for name, rows in c.masked.items()},
        dropped=dropped,
    )
