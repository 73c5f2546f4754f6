"""What the parsers' tests share: parse some raw records of a feed, all at once."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipelines.declarations.contract import contracts_of, load_contracts
from pipelines.sources.batch import ParsedBatch, stacked
from pipelines.sources.reading import read, read_records

RECEIVED_AT = datetime(2026, 3, 2)
Parsed = Callable[..., "Result"]


class Result:
    """All batches of one input, as Python values."""

    def __init__(self, batches: Sequence[ParsedBatch]) -> None:
        self.batches = batches
        self.rows_read = sum(batch.rows_read for batch in batches)
        self.unknown = _summed(batch.unknown for batch in batches)
        self.masked = _summed(batch.masked for batch in batches)
        self.dropped = _summed(batch.dropped for batch in batches)
        rejected = stacked([batch.rejected for batch in batches]).to_pylist()
        self.rejected = [(r["record"], r["reason"]) for r in rejected]

    def rows(self, source: str) -> list[dict[str, Any]]:
        return [row for b in self.batches if source in b.tables for row in b.tables[source].to_pylist()]

    def column(self, source: str, name: str) -> list[Any]:
        return [row[name] for row in self.rows(source)]

    def payload(self, record: int) -> bytes:
        table = pa.concat_tables([batch.payloads for batch in self.batches])
        return b"".join(row["payload"] for row in table.to_pylist() if row["record"] == record)


def _summed(counts: Any) -> dict[Any, int]:
    total: dict[Any, int] = {}
    for count in counts:
        for name, rows in count.items():
            total[name] = total.get(name, 0) + rows
    return total


@pytest.fixture
def parse() -> Parsed:
    """Parse raw records of a feed."""

    def _parse(feed: str, *records: bytes) -> Result:
        contracts = contracts_of(feed, load_contracts())
        return Result(list(read_records(records, contracts=contracts, received_at=RECEIVED_AT)))

    return _parse


@pytest.fixture
def parse_file(tmp_path: Path) -> Parsed:
    """Parse a file of a feed."""

    def _parse(feed: str, name: str, content: bytes) -> Result:
        path = tmp_path / name
        path.write_bytes(content)
        contracts = contracts_of(feed, load_contracts())
        return Result(list(read(path, contracts=contracts, received_at=RECEIVED_AT)))

    return _parse
