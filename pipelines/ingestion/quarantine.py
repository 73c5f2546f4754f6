"""Quarantine: raw records that could not be loaded, encrypted, for as long as the inbox may keep them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import polars as pl

from pipelines.ingestion.batch import Options
from pipelines.ingestion.ingest import Ingested, ingest_quarantined
from pipelines.retention.inputs import QUARANTINE
from pipelines.runtime import Runtime
from pipelines.sources.inbox import feeds
from warehouse.ledger.ledger import Part
from warehouse.store.reading import read_parts


@dataclass(frozen=True, slots=True)
class Quarantined:
    """How many records of one day wait for the same reason."""

    since: date
    feed: str
    source: str
    reason: str
    records: int


def list_quarantined(runtime: Runtime) -> list[Quarantined]:
    """What waits, by day, feed, data set and reason; never a record."""
    totals: Counter[tuple[date, str, str, str]] = Counter()
    for part in runtime.ledger.live_parts(QUARANTINE):
        frame = _read(runtime, part)
        for feed, source, reason, records in (
            frame.unique(["record", "source", "reason"])
            .group_by("feed", "source", "reason")
            .len()
            .iter_rows()
        ):
            totals[part.event_date or date.min, feed, source, reason] += records
    return [Quarantined(*key, records=records) for key, records in sorted(totals.items())]


def retry_quarantined(
    runtime: Runtime, *, options: Options, feed: str | None = None, reason: str | None = None
) -> Iterator[Ingested]:
    """Try again the quarantine files of a feed, or that hold a reason; yields what became of each."""
    contracts = feeds(runtime.contracts)
    for part in runtime.ledger.live_parts(QUARANTINE):
        frame = _read(runtime, part)
        if feed not in (None, frame["feed"][0]) or (reason is not None and reason not in frame["reason"]):
            continue
        yield ingest_quarantined(runtime, part, contracts=contracts[frame["feed"][0]], options=options)


def _read(runtime: Runtime, part: Part) -> pl.DataFrame:
    frame = pl.DataFrame(pl.from_arrow(read_parts(runtime.home, engine=runtime.engine, parts=[part])))
    return frame.drop("payload")
