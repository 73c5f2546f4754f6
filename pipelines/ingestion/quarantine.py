"""Quarantine: raw records that could not be loaded, encrypted, for as long as the inbox may keep them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import polars as pl

from pipelines.declarations.declarations import Declarations
from pipelines.ingestion.ingest import Ingested, ingest_quarantined
from pipelines.ingestion.options import Options
from pipelines.sources.inbox import feeds
from pipelines.windows.inputs import QUARANTINE
from warehouse.ledger.parts import Part
from warehouse.store.reading import read_parts
from warehouse.store.store import Store


@dataclass(frozen=True, slots=True)
class Quarantined:
    """How many records of one day wait for the same reason."""

    since: date
    feed: str
    source: str
    reason: str
    records: int


def list_quarantined(store: Store) -> list[Quarantined]:
    """What waits, by day, feed, data set and reason; never a record."""
    totals: Counter[tuple[date, str, str, str]] = Counter()
    for part in store.ledger.live_parts(QUARANTINE):
        frame = _read(store, part)
        for feed, source, reason, records in (
            frame.unique(["record", "source", "reason"])
            .group_by("feed", "source", "reason")
            .len()
            .iter_rows()
        ):
            totals[part.event_date or date.min, feed, source, reason] += records
    return [Quarantined(*key, records=records) for key, records in sorted(totals.items())]


def retry_quarantined(
    declarations: Declarations,
    store: Store,
    *,
    options: Options,
    feed: str | None = None,
    reason: str | None = None,
) -> Iterator[Ingested]:
    """Try again the quarantine files of a feed, or that hold a reason; yields what became of each."""
    contracts = feeds(declarations.contracts)
    for part in store.ledger.live_parts(QUARANTINE):
        frame = _read(store, part)
        if feed not in (None, frame["feed"][0]) or (reason is not None and reason not in frame["reason"]):
            continue
        yield ingest_quarantined(
            declarations, store, part, contracts=contracts[frame["feed"][0]], options=options
        )


def _read(store: Store, part: Part) -> pl.DataFrame:
    frame = pl.DataFrame(pl.from_arrow(read_parts(store.home, engine=store.engine, parts=[part])))
    return frame.drop("payload")
