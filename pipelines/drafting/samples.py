"""Read a few rows of a sample file to draft a contract from; values stay in memory."""

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from anonymizers.treatments import ValueType
from pipelines.declarations.column import Format
from pipelines.declarations.contract import Reader
from pipelines.declarations.errors import SampleError

SAMPLED_ROWS = 1_000
_ENVELOPE = {"received_at", "channel", "body"}
_TEXT_TYPES: tuple[tuple[str, ValueType, Format | None], ...] = (
    ("true|false|True|False", ValueType.BOOLEAN, None),
    # A leading zero or plus sign belongs to an identifier, not to a number.
    ("-?(0|[1-9][0-9]{0,17})", ValueType.BIGINT, None),
    (r"-?[0-9]{1,12}\.[0-9]{1,6}", ValueType.DECIMAL, None),
    (
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:.]{5,15}(Z|[+-][0-9:]{2,5})?)?",
        ValueType.TIMESTAMP,
        Format.ISO8601,
    ),
)


@dataclass(frozen=True, slots=True, repr=False)
class SampleColumn:
    """One column: its name in the file, its inferred type, its values as text without empty ones."""

    name: str
    type: ValueType
    format: Format | None
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Sample:
    """The first rows of a file. ``repr`` is off: an error report must not show rows."""

    reader: Reader
    rows: int
    columns: tuple[SampleColumn, ...]


def read_sample(path: Path) -> Sample:
    """Read the first `SAMPLED_ROWS` rows of a CSV, JSON Lines or Parquet file.

    Raises:
        SampleError: The file is none of these, is empty or broken; names the place, no value.
    """
    readers: dict[str, tuple[Reader, Callable[[Path], list[Mapping[str, object]]]]] = {
        ".csv": (Reader.TABLE, _csv_rows),
        ".jsonl": (Reader.JSON, _json_rows),
        ".parquet": (Reader.TABLE, _parquet_rows),
    }
    if path.suffix not in readers:
        raise SampleError(path.name, "not a .csv, .jsonl or .parquet file. Convert it to one of these.")
    reader, rows_of = readers[path.suffix]
    try:
        rows = rows_of(path)
    except (OSError, ValueError, csv.Error, pa.ArrowException) as error:
        # Their messages quote what they could not read.
        raise SampleError(path.name, f"cannot be read ({type(error).__name__}). Save it again.") from None
    if not rows:
        raise SampleError(path.name, "has no rows. Add a few.")
    names = list(dict.fromkeys(name for row in rows for name in row))
    return Sample(reader, len(rows), tuple(_column(name, [row.get(name) for row in rows]) for name in names))


def _csv_rows(path: Path) -> list[Mapping[str, object]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        file.seek(0)
        reader = csv.reader(file, delimiter=max(",;\t|", key=first.count), strict=True)
        header = next(reader, [])
        return list(_named(path, header, islice(reader, SAMPLED_ROWS)))


def _named(path: Path, header: list[str], rows: Iterator[list[str]]) -> Iterator[Mapping[str, object]]:
    if len(set(header)) < len(header):
        raise SampleError(path.name, "two columns have one name. Rename one.")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise SampleError(
                path.name, f"row {number} has {len(row)} cells, the header {len(header)}. Correct it."
            )
        yield dict(zip(header, row, strict=True))


def _json_rows(path: Path) -> list[Mapping[str, object]]:
    rows: list[Mapping[str, object]] = []
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(islice(file, SAMPLED_ROWS), start=1):
            record = json.loads(line)
            if isinstance(record, dict) and "body" in record and set(record) <= _ENVELOPE:
                record = record["body"]
            if not isinstance(record, dict):
                raise SampleError(path.name, f"line {number} is not a JSON object. Write one per line.")
            rows.append(record)
    return rows


def _parquet_rows(path: Path) -> list[Mapping[str, object]]:
    with pq.ParquetFile(path) as file:
        batches = islice(file.iter_batches(batch_size=SAMPLED_ROWS), 1)
        return [row for batch in batches for row in batch.to_pylist()]


def _column(name: str, cells: Sequence[object]) -> SampleColumn:
    present = [cell for cell in cells if cell is not None and cell != ""]
    type_, format_ = _type_of(present)
    return SampleColumn(name, type_, format_, tuple(_as_text(cell) for cell in present))


def _type_of(cells: Sequence[object]) -> tuple[ValueType, Format | None]:
    kinds = {type(cell) for cell in cells}
    if kinds and kinds <= {str}:
        for pattern, type_, format_ in _TEXT_TYPES:
            if all(re.fullmatch(pattern, str(cell)) for cell in cells):
                return type_, format_
        return ValueType.VARCHAR, None
    for types, type_ in (
        ((bool,), ValueType.BOOLEAN),
        ((int,), ValueType.BIGINT),
        ((int, float), ValueType.DOUBLE),
        ((Decimal,), ValueType.DECIMAL),
        ((dict, list), ValueType.JSON),
    ):
        if kinds and kinds <= set(types):
            return type_, None
    if kinds and all(issubclass(kind, date) for kind in kinds):
        return ValueType.TIMESTAMP, Format.ISO8601
    return ValueType.VARCHAR, None


def _as_text(cell: object) -> str:
    return json.dumps(cell, ensure_ascii=False, default=str) if isinstance(cell, dict | list) else str(cell)
