"""Ingestion: one landed file becomes rows of the store, all of them accounted for, or nothing.

Keyed by arrival: the batch is the file, its identity the keyed hash of its content.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import cast

import polars as pl
from tenacity import retry, retry_if_exception_type, stop_after_attempt

from pipelines.declarations.contract import Contract
from pipelines.declarations.declarations import Declarations
from pipelines.declarations.errors import PipelineError
from pipelines.ingestion.batch import Batch, Options, feed_of
from pipelines.sources import ParsedBatch, read, read_records
from pipelines.sources.looks import looks_like
from warehouse.errors import DuplicateBatchError, RulesChangedError
from warehouse.files import unlink_durably
from warehouse.keys.keyring import Purpose
from warehouse.ledger.batches import Count
from warehouse.ledger.parts import Part
from warehouse.progress import Progress, silent
from warehouse.store.parts import DryRunDone, writing
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
    batch_id = content_hash[:16]
    if store.ledger.has_batch(feed, content_hash):
        return _already(path, feed, batch_id, options)
    received_at = options.received_at or options.as_of
    try:
        result = _load(
            declarations,
            store,
            lambda: read(path, contracts=contracts, received_at=received_at),
            contracts=contracts,
            options=options,
            content_hash=content_hash,
            full=".full." in path.name,
            looks_like=lambda: looks_like(path),
            progress=progress,
        )
    except DuplicateBatchError:
        return _already(path, feed, batch_id, options)
    if not (options.keep or options.dry_run):
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
    result = _load(
        declarations,
        store,
        lambda: read_records(_records(kept), contracts=contracts, received_at=received_at),
        contracts=contracts,
        options=replace(options, quarantined_on=part.event_date, received_at=received_at),
        content_hash=secrets.token_hex(32),
        replaces=(part,),
    )
    store.ledger.advance_clock(options.as_of)
    return result


def _records(frame: pl.DataFrame) -> list[bytes]:
    """The raw records of a quarantine file, in their order; each once, whatever was wrong with it."""
    first = frame.group_by("record", maintain_order=True).agg(pl.first("source"), pl.first("reason"))
    once = frame.join(first, on=["record", "source", "reason"], maintain_order="left")
    # A record too large for one cell stands in several rows.
    whole = once.group_by("record", maintain_order=True).agg("payload")
    return [b"".join(pieces) for pieces in whole["payload"].to_list()]


@retry(retry=retry_if_exception_type(RulesChangedError), stop=stop_after_attempt(MOST_READINGS), reraise=True)
def _load(
    declarations: Declarations,
    store: Store,
    parse: Callable[[], Iterable[ParsedBatch]],
    *,
    contracts: Sequence[Contract],
    options: Options,
    content_hash: str,
    full: bool = False,
    replaces: Sequence[Part] = (),
    looks_like: Callable[[], str] | None = None,
    progress: Progress = silent,
) -> Ingested:
    """Load what is parsed; read it again where windows, endings or holds changed meanwhile."""
    batch = Batch(
        declarations, store, contracts=contracts, options=options, replaces=replaces, looks_like=looks_like
    )
    try:
        counts = _load_once(store, batch, parse(), content_hash, full=full, progress=progress)
    except RulesChangedError:
        batch.forget_keys()
        raise
    return Ingested(
        batch_id=content_hash[:16],
        feed=feed_of(contracts),
        status="dry run" if options.dry_run else "committed",
        rows_read=sum(batch.rows_read.values()),
        counts=tuple(sorted(counts, key=lambda c: (c.source, c.outcome, c.reason))),
        unknown=dict(batch.unknown),
        masked=dict(batch.masked),
        redacted=dict(batch.redacted),
        days={source: frozenset(days) for source, days in batch.days.items()},
    )


def _load_once(
    store: Store,
    batch: Batch,
    parsed: Iterable[ParsedBatch],
    content_hash: str,
    *,
    full: bool,
    progress: Progress,
) -> Sequence[Count]:
    batch_id = content_hash[:16]
    try:
        with writing(store.home, ledger=store.ledger, engine=store.engine, batch_id=batch_id) as writer:
            if batch.is_of_entities:
                return batch.load_entities(parsed, writer, content_hash, full=full, progress=progress)
            return batch.load_events(parsed, writer, content_hash, progress=progress)
    except DryRunDone as done:
        return done.counts


def _already(path: Path, feed: str, batch_id: str, options: Options) -> Ingested:
    # Committed before, so its rows are safe: a crash came between the commit and the unlinking.
    if not (options.keep or options.dry_run):
        unlink_durably(path)
    return Ingested(batch_id=batch_id, feed=feed, status="already ingested")


def _content_hash(path: Path, *, key: bytes, feed: str) -> str:
    """Keyed, because a file of one record could be guessed from a plain hash."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    return hmac.digest(key, feed.encode() + b"\x1f" + digest, "sha256").hex()
