"""Files of a few rows on their way through real contracts, for tests that begin at the inbox."""

import csv
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from pipelines.declarations.contract import contracts_of
from pipelines.ingestion.ingest import Ingested, ingest_file
from pipelines.ingestion.options import Options
from pipelines.runtime import Runtime
from warehouse.progress import Progress, silent

Row = Mapping[str, object]


def write_csv(folder: Path, *rows: Row, full: bool = False) -> Path:
    """A CSV file of one data set; what a row does not name is empty."""
    path = folder / ("export.full.csv" if full else "export.csv")
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows({name: _text(value) for name, value in row.items()} for row in rows)
    return path


def give(
    runtime: Runtime,
    source: str,
    *rows: Row,
    as_of: datetime,
    full: bool = False,
    progress: Progress = silent,
) -> Ingested:
    """Ingest rows of one data set as a file of its own."""
    contract = runtime.declarations.contracts[source]
    with TemporaryDirectory() as folder:
        return ingest_file(
            *runtime,
            write_csv(Path(folder), *rows, full=full),
            contracts=contracts_of(contract.feed, runtime.declarations.contracts),
            options=Options(as_of=as_of, allow_shrink=True),
            progress=progress,
        )


def outcomes(result: Ingested) -> dict[str, int]:
    """Reason (or outcome, where there is none) → rows."""
    return {count.reason or count.outcome: count.rows for count in result.counts}


def _text(value: object) -> object:
    return value.isoformat() + "Z" if isinstance(value, datetime) else value
