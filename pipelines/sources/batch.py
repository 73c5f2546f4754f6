"""What every parser returns: typed rows, what could not be parsed, and the raw records of both."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from anonymizers.treatments import ValueType
from pipelines.declarations.column import CHANNEL_ZONE
from pipelines.declarations.contract import Contract
from pipelines.sources.errors import AccountingError

PIECE_BYTES = 1 << 20
NOT_NEEDED = "not_needed:"
ARROW_TYPES = {
    ValueType.VARCHAR: pa.string(),
    ValueType.BIGINT: pa.int64(),
    ValueType.DOUBLE: pa.float64(),
    ValueType.DECIMAL: pa.decimal128(18, 6),
    ValueType.BOOLEAN: pa.bool_(),
    ValueType.TIMESTAMP: pa.timestamp("us"),
    ValueType.JSON: pa.string(),
}
REJECTED = pa.schema([("record", pa.int64()), ("source", pa.string()), ("reason", pa.string())])
PAYLOADS = pa.schema([("record", pa.int64()), ("payload", pa.large_binary())])


@dataclass(frozen=True, slots=True, repr=False)
class ParsedBatch:
    """A bounded number of records of one file, parsed. ``repr`` is off: it holds raw rows.

    Attributes:
        tables: Contract → rows: `_record` (1-based place in the file), `_received_at`, `_channel`
            (null without an envelope), then one column per contract column in its declared type, and one
            (`says_zone`) that tells of each time on the channel's clock whether it said another zone.
        rejected: record, source (contract or feed), reason; one line per row or record without a row.
        payloads: record, payload; the raw records of this batch. A record too large for one cell
            stands in several rows, in order. A table's row is written as a JSON object.
        rows_read: Rows of all tables, rejected lines and what was dropped together.
        unknown: Contract → rows that carried undeclared columns, which were not read.
        masked: `contract.column` → optional values outside the declared ones, which were not kept.
        dropped: (contract or feed, reason) → rows and records that are known and not needed.
    """

    tables: Mapping[str, pa.Table]
    rejected: pa.Table
    payloads: pa.Table
    rows_read: int
    unknown: Mapping[str, int]
    masked: Mapping[str, int]
    dropped: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows = sum(t.num_rows for t in self.tables.values())
        accounted = rows + self.rejected.num_rows + sum(self.dropped.values())
        if accounted != self.rows_read:
            raise AccountingError(read=self.rows_read, accounted=accounted)


def rows_schema(contract: Contract) -> pa.Schema:
    """Columns of a contract's parsed rows."""
    head = [("_record", pa.int64()), ("_received_at", pa.timestamp("us")), ("_channel", pa.string())]
    columns = [(name, ARROW_TYPES[c.type]) for name, c in contract.columns.items()]
    zoned = [(says_zone(name), pa.bool_()) for name, c in contract.columns.items() if c.zone == CHANNEL_ZONE]
    return pa.schema(head + columns + zoned)


def says_zone(column: str) -> str:
    """Return the name of the column that tells whether a time named its own zone."""
    return f"_says_zone:{column}"


def rejections(records: pa.Array | Sequence[int], *, source: str, reason: str) -> pa.Table:
    """One rejected line per record, for one reason."""
    numbers = records if isinstance(records, pa.Array) else pa.array(records, pa.int64())
    return pa.table(
        [numbers, pa.repeat(source, len(numbers)), pa.repeat(reason, len(numbers))], schema=REJECTED
    )


def stacked(rejected: Iterable[pa.Table]) -> pa.Table:
    """Rejected records, one table below the other; also none."""
    return pa.concat_tables([REJECTED.empty_table(), *rejected])


def in_order(table: pa.Table, record: str) -> pa.Table:
    """Rows by their record; joins do not keep an order. Stable: a record's own rows stay as they are."""
    numbers = table[record].combine_chunks()
    if len(numbers) < 2 or not pc.any(pc.less(numbers[1:], numbers[:-1])).as_py():
        return table
    return table.take(pc.sort_indices(table, sort_keys=[(record, "ascending")]))


def in_pieces(payloads: pa.Table) -> pa.Table:
    """Raw records with those larger than a cell may be cut into several rows."""
    too_large = pc.greater(pc.binary_length(payloads["payload"]), PIECE_BYTES)
    if not pc.any(too_large).as_py():
        return payloads.cast(PAYLOADS)
    numbers, pieces = [], []
    for row in payloads.filter(too_large).to_pylist():
        for start in range(0, len(row["payload"]), PIECE_BYTES):
            numbers.append(row["record"])
            pieces.append(row["payload"][start : start + PIECE_BYTES])
    cut = pa.table([numbers, pieces], schema=PAYLOADS)
    return pa.concat_tables([payloads.filter(pc.invert(too_large)).cast(PAYLOADS), cut])
