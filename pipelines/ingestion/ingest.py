"""Ingestion: one landed file becomes rows of the store, all of them accounted for, or nothing.

Keyed by arrival: the batch is the file, its identity the keyed hash of its content.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import cast

import polars as pl
from tenacity import retry, retry_if_exception_type, stop_after_attempt

from pipelines.declarations.contract import Contract
from pipelines.declarations.declarations import Declarations
from pipelines.declarations.errors import PipelineError
from pipelines.ingestion.batch import Arrival, Batch, feed_of
from pipelines.ingestion.options import Options
from pipelines.sources.looks import looks_like
from pipelines.sources.quarantined import raw_records
from pipelines.sources.reading import read, read_records
from warehouse.errors import DuplicateBatchError, RulesChangedError
from warehouse.files import unlink_durably
from warehouse.keys.keyring import Purpose
from warehouse.ledger.batches import Count
from warehouse.ledger.parts import Part
from warehouse.progress import Progress, silent
from warehouse.store.parts import DryRunDone
from warehouse.store.reading import read_parts
from warehouse.store.store import Store

# Deletions are applied once a day: a file that meets three of them meets a defect.
MOST_READINGS = 3


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of one file.

    Attributes:
        status: `committed`, `dry run`, `already ingested`, or `taken by another run`.
        counts: Rows by source, outcome (kept, duplicate, dropped, quarantined) and reason.
        unknown: Data set → rows that carried undeclared columns, which were not read.
        masked: `data set.column` → values outside its declared ones, which were not kept.
        redacted: `data set.column` → texts that no detector could vouch for, replaced as a whole.
        days: Data set → event days that got rows.
    """

    batch_id: str
    feed: str
    status: str
    rows_read: int = 0
    counts: tuple[Count, ...] = ()
    unknown: Mapping[str, int] = field(default_factory=dict)
    masked: Mapping[str, int] = field(default_factory=dict)
    redacted: Mapping[str, int] = field(default_factory=dict)
    days: Mapping[str, frozenset[date]] = field(default_factory=dict)


def ingest_file(
    declarations: Declarations,
    store: Store,
    path: Path,
    *,
    contracts: Sequence[Contract],
    options: Options,
    progress: Progress = silent,
) -> Ingested:
    """Ingest one file of one feed; unlink it once its rows are committed and add up.

    Running it again changes nothing, on the same file or on another with the same events.

    Args:
        contracts: All contracts of the file's feed.
        progress: Told of rows read, whose total is not known.

    Raises:
        PipelineError, AnonymizerError, WarehouseError: Nothing was committed, the file stays.
    """
    feed = feed_of(contracts)
    if not options.dry_run:
        store.ledger.check_clock(options.as_of)
    try:
        result = _ingest(
            declarations, store, path, feed=feed, contracts=contracts, options=options, progress=progress
        )
    except (FileNotFoundError, PipelineError):
        if path.exists():
            raise
        # Another run took it between our looking and our reading; it has accounted for the rows.
        return Ingested(batch_id="", feed=feed, status="taken by another run")
    if not options.dry_run:
        store.ledger.advance_clock(options.as_of)
    return result


def _ingest(
    declarations: Declarations,
    store: Store,
    path: Path,
    *,
    feed: str,
    contracts: Sequence[Contract],
    options: Options,
    progress: Progress,
) -> Ingested:
    content_hash = _content_hash(path, key=store.keyring.get(Purpose.LEDGER, "content"), feed=feed)
    while store.ledger.is_undone(feed, content_hash):
        # Its rows stand in files named after the first loading; these must be others.
        content_hash = hashlib.sha256(content_hash.encode()).hexdigest()
    arrival = Arrival(
        contracts,
        content_hash,
        lambda: read(path, contracts=contracts, received_at=options.received_at or options.as_of),
        full=".full." in path.name,
        looks_like=lambda: looks_like(path),
    )
    result = Ingested(arrival.batch_id, feed, status="already ingested")
    if not store.ledger.has_batch(feed, content_hash):
        with suppress(DuplicateBatchError):
            result = _load(declarations, store, arrival, options, progress=progress)
    if not (options.keep or options.dry_run):
        # Its rows are safe, also where they were before: a crash came between the commit and the unlinking.
        unlink_durably(path)
    return result


def ingest_quarantined(
    declarations: Declarations, store: Store, part: Part, *, contracts: Sequence[Contract], options: Options
) -> Ingested:
    """Try the records of one quarantine file again; it is replaced by what still fails.

    Events that were committed with the rest of their record the first time count as duplicates.
    """
    store.ledger.check_clock(options.as_of)
    kept = cast("pl.DataFrame", pl.from_arrow(read_parts(store.home, engine=store.engine, parts=[part])))
    # Where a record does not say when it was received, it was when its file came.
    received_at = kept["received_at"][0]
    arrival = Arrival(
        contracts,
        secrets.token_hex(32),
        lambda: read_records(
            raw_records(kept)["payload"].to_list(), contracts=contracts, received_at=received_at
        ),
        replaces=(part,),
    )
    options = replace(options, quarantined_on=part.event_date, received_at=received_at)
    result = _load(declarations, store, arrival, options, progress=silent)
    store.ledger.advance_clock(options.as_of)
    return result


@retry(retry=retry_if_exception_type(RulesChangedError), stop=stop_after_attempt(MOST_READINGS), reraise=True)
def _load(
    declarations: Declarations, store: Store, arrival: Arrival, options: Options, *, progress: Progress
) -> Ingested:
    """Load an arrival; read it again where windows, ended accounts or holds changed meanwhile."""
    batch = Batch(declarations, store, arrival, options)
    try:
        counts: Sequence[Count] = batch.load(progress=progress)
    except DryRunDone as done:
        counts = done.counts
    except RulesChangedError:
        batch.forget_keys()
        raise
    tally = batch.tally
    return Ingested(
        arrival.batch_id,
        arrival.feed,
        status="dry run" if options.dry_run else "committed",
        rows_read=tally.read,
        counts=tuple(sorted(counts, key=lambda c: (c.source, c.outcome, c.reason))),
        unknown=dict(tally.unknown),
        masked=dict(tally.masked),
        redacted=dict(tally.redacted),
        days={source: frozenset(days) for source, days in tally.days.items()},
    )


def _content_hash(path: Path, *, key: bytes, feed: str) -> str:
    """Keyed, because a file of one record could be guessed from a plain hash."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    return hmac.digest(key, feed.encode() + b"\x1f" + digest, "sha256").hex()
