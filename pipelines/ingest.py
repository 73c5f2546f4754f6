"""Ingestion: one landed file becomes rows of the store, all of them accounted for, or nothing.

Keyed by arrival: the batch is the file, its identity the keyed hash of its content. Raw rows are in
memory only between the parser and the anonymizer.
"""

import hashlib
import hmac
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import cast

import polars as pl
import pyarrow as pa

from anonymizers.engine import anonymize, redactions
from anonymizers.tokens import PLATFORM
from pipelines.contract import Contract, Kind
from pipelines.errors import MixedFeedsError, PipelineError
from pipelines.reference import Reference
from pipelines.runtime import Runtime
from pipelines.sources import ParsedBatch, read, read_records
from warehouse.entities import EntitySet, EntityWriter
from warehouse.errors import ConflictError, DuplicateBatchError
from warehouse.files import unlink_durably
from warehouse.keyring import Purpose
from warehouse.ledger import Count, Part
from warehouse.reading import read_parts
from warehouse.store import EventSet, StoreWriter, commit_batch, writing

QUARANTINE = "_quarantine"
# A time stamp of 2099 must not live for ever; clocks of providers do differ by hours.
LONGEST_CLOCK_SKEW = timedelta(hours=24)

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How to ingest.

    Attributes:
        as_of: The clock, naive UTC.
        received_at: When records without an envelope were received; None = ``as_of``.
        workspace: Workspace of records whose channel would name it.
        keep: Leave the file where it is.
        allow_shrink: Let a full export delete more than half of a table.
        quarantined_on: Day since when records retried from quarantine are there; their stay does not
            begin anew. None = the day of ``as_of``.
    """

    as_of: datetime
    received_at: datetime | None = None
    workspace: str | None = None
    keep: bool = False
    allow_shrink: bool = False
    quarantined_on: date | None = None


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of one file.

    Attributes:
        status: `committed`, `already ingested`, or `taken by another run`.
        counts: Rows by source, outcome (kept, duplicate, dropped, quarantined) and reason.
        unknown: Data set → rows that carried undeclared columns, which were not read.
        masked: `data set.column` → values outside its declared values, replaced by null.
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
    runtime: Runtime,
    path: Path,
    *,
    contracts: Sequence[Contract],
    options: Options,
    progress: Progress | None = None,
) -> Ingested:
    """Ingest one file of one feed; unlink it once its rows are committed and add up.

    Running it again changes nothing, on the same file or on another with the same events.

    Args:
        contracts: All contracts of the file's feed.
        progress: Called with the number of rows read since the last call.

    Raises:
        PipelineError, AnonymizerError, WarehouseError: Nothing was committed, the file stays.
    """
    feed = _feed_of(contracts)
    runtime.ledger.advance_clock(options.as_of)
    try:
        return _ingest(runtime, path, feed=feed, contracts=contracts, options=options, progress=progress)
    except (FileNotFoundError, PipelineError):
        if path.exists():
            raise
        # Another run took it between our looking and our reading; it has accounted for the rows.
        return Ingested(batch_id="", feed=feed, status="taken by another run")


def _ingest(
    runtime: Runtime,
    path: Path,
    *,
    feed: str,
    contracts: Sequence[Contract],
    options: Options,
    progress: Progress | None,
) -> Ingested:
    content_hash = _content_hash(path, key=runtime.keyring.get(Purpose.LEDGER, "content"), feed=feed)
    batch_id = content_hash[:16]
    if runtime.ledger.has_batch(feed, content_hash):
        return _already(path, feed, batch_id, options)
    parsed = read(path, contracts=contracts, received_at=options.received_at or options.as_of)
    try:
        result = _load(
            runtime,
            parsed,
            contracts=contracts,
            options=options,
            content_hash=content_hash,
            full=".full." in path.name,
            progress=progress,
        )
    except DuplicateBatchError:
        return _already(path, feed, batch_id, options)
    if not options.keep:
        unlink_durably(path)
    return result


def ingest_quarantined(
    runtime: Runtime, part: Part, *, contracts: Sequence[Contract], options: Options
) -> Ingested:
    """Try the records of one quarantine file again; it is replaced by what still fails.

    Events that were committed with the rest of their record the first time count as duplicates.
    """
    runtime.ledger.advance_clock(options.as_of)
    kept = cast("pl.DataFrame", pl.from_arrow(read_parts(runtime.home, engine=runtime.engine, parts=[part])))
    # Where a record does not say when it was received, it was when its file came.
    received_at = kept["received_at"][0]
    parsed = read_records(_records(kept), contracts=contracts, received_at=received_at)
    return _load(
        runtime,
        parsed,
        contracts=contracts,
        options=replace(options, quarantined_on=part.event_date, received_at=received_at),
        content_hash=secrets.token_hex(32),
        replaces=(part,),
    )


def _records(frame: pl.DataFrame) -> list[bytes]:
    """The raw records of a quarantine file, in their order; each once, whatever was wrong with it."""
    first = frame.group_by("record", maintain_order=True).agg(pl.first("source"), pl.first("reason"))
    once = frame.join(first, on=["record", "source", "reason"], maintain_order="left")
    # A record too large for one cell stands in several rows.
    whole = once.group_by("record", maintain_order=True).agg("payload")
    return [b"".join(pieces) for pieces in whole["payload"].to_list()]


def _load(
    runtime: Runtime,
    parsed: Iterable[ParsedBatch],
    *,
    contracts: Sequence[Contract],
    options: Options,
    content_hash: str,
    full: bool = False,
    replaces: Sequence[Part] = (),
    progress: Progress | None = None,
) -> Ingested:
    batch = _Batch(runtime, contracts=contracts, options=options, replaces=replaces)
    batch_id = content_hash[:16]
    with writing(runtime.home, ledger=runtime.ledger, engine=runtime.engine, batch_id=batch_id) as writer:
        if contracts[0].kind is Kind.ENTITY:
            counts = batch.load_entities(parsed, writer, content_hash, full=full, progress=progress)
        else:
            counts = batch.load_events(parsed, writer, content_hash, progress=progress)
    return Ingested(
        batch_id=batch_id,
        feed=_feed_of(contracts),
        status="committed",
        rows_read=sum(batch.rows_read.values()),
        counts=tuple(sorted(counts, key=lambda c: (c.source, c.outcome, c.reason))),
        unknown=dict(batch.unknown),
        masked=dict(batch.masked),
        redacted=dict(batch.redacted),
        days={source: frozenset(days) for source, days in batch.days.items()},
    )


class _Batch:
    """The rows of one file on their way: counted at every turn."""

    def __init__(
        self, runtime: Runtime, *, contracts: Sequence[Contract], options: Options, replaces: Sequence[Part]
    ) -> None:
        self._replaces = replaces
        self._runtime = runtime
        self._contracts = {contract.source: contract for contract in contracts}
        self._options = options
        self._reference = Reference(runtime, as_of=options.as_of)
        self._feed = _feed_of(contracts)
        self.rows_read: Counter[str] = Counter()
        self.outcomes: Counter[tuple[str, str, str]] = Counter()
        self.unknown: Counter[str] = Counter()
        self.masked: Counter[str] = Counter()
        self.redacted: Counter[str] = Counter()
        self.days: dict[str, set[date]] = {}

    def load_events(
        self,
        parsed: Iterable[ParsedBatch],
        writer: StoreWriter,
        content_hash: str,
        *,
        progress: Progress | None,
    ) -> list[Count]:
        for batch in parsed:
            self._quarantine_rejected(batch, writer)
            for source, table in batch.tables.items():
                contract = self._contracts[source]
                safe = self._safe_rows(contract, table, batch, writer)
                if safe is not None:
                    writer.append(EventSet(source, contract.policy.value), safe)
            self._note(batch, progress)
        return commit_batch(
            writer,
            self._runtime.ledger,
            as_of=self._options.as_of,
            feed=self._feed,
            content_hash=content_hash,
            rows_read=self.rows_read,
            counts=self._counts(),
            uncounted=frozenset({QUARANTINE}),
            removed=self._replaces,
        )

    def load_entities(
        self,
        parsed: Iterable[ParsedBatch],
        writer: StoreWriter,
        content_hash: str,
        *,
        full: bool,
        progress: Progress | None,
    ) -> list[Count]:
        (contract,) = self._contracts.values()
        runtime = self._runtime
        entities = EntityWriter(
            runtime.home,
            entities=entity_set(runtime, contract, as_of=self._options.as_of),
            ledger=runtime.ledger,
            engine=runtime.engine,
            batch_id=writer.batch_id,
        )
        committed = False
        try:
            for batch in parsed:
                self._quarantine_rejected(batch, writer)
                for table in batch.tables.values():
                    safe = self._safe_rows(contract, table, batch, writer)
                    if safe is not None:
                        entities.append(safe)
                self._note(batch, progress)
            while True:
                merge = entities.merge(full=full, allow_shrink=self._options.allow_shrink)
                try:
                    counts = commit_batch(
                        writer,
                        runtime.ledger,
                        as_of=self._options.as_of,
                        feed=self._feed,
                        content_hash=content_hash,
                        rows_read=self.rows_read,
                        counts=[*self._counts(), *merge.counts],
                        uncounted=frozenset({QUARANTINE}),
                        merge=merge,
                        removed=self._replaces,
                    )
                except ConflictError:
                    continue
                else:
                    committed = True
                    return counts
        finally:
            entities.close(committed=committed)

    def _safe_rows(
        self, contract: Contract, table: pa.Table, batch: ParsedBatch, writer: StoreWriter
    ) -> pa.Table | None:
        """Resolve, sort out and anonymize rows; None if none is left."""
        self.rows_read[contract.source] += table.num_rows
        rows = cast("pl.DataFrame", pl.from_arrow(table))
        rows = rows.with_columns(
            self._reference.workspaces(rows, contract, override=self._options.workspace).alias(
                "_workspace_id"
            )
        )
        rows = self._set_aside(
            rows, pl.col("_workspace_id").is_null(), "unknown_channel", contract, batch, writer
        )
        if contract.kind is Kind.EVENT:
            rows = self._of_this_time(rows, contract, batch, writer)
        if contract.consent is not None:
            rows = self._with_consent(rows, contract)
        if rows.is_empty():
            return None
        placement = rows.select(c for c in ("_event_date", "_retention_days") if c in rows.columns)
        rows = rows.drop("_record", "_channel", *placement.columns)
        keys = self._runtime.keyring.get_all(Purpose.PSEUDONYM, {PLATFORM, *rows["_workspace_id"].unique()})
        safe = anonymize(rows.to_arrow(), plan=contract.plan, keys=keys, text=self._runtime.text)
        redacted = redactions(safe, plan=contract.plan)
        self.redacted.update({f"{contract.source}.{column}": n for column, n in redacted.items()})
        for name in placement.columns:
            safe = safe.append_column(name.removeprefix("_"), placement[name].to_arrow())
        return safe

    def _of_this_time(
        self, rows: pl.DataFrame, contract: Contract, batch: ParsedBatch, writer: StoreWriter
    ) -> pl.DataFrame:
        event_time = pl.col(
            "_received_at" if contract.event_time == "received_at" else str(contract.event_time)
        )
        too_late = event_time > pl.col("_received_at") + LONGEST_CLOCK_SKEW
        rows = self._set_aside(rows, too_late, "future_event", contract, batch, writer)
        rows = rows.with_columns(
            # Retention starts at the earlier of the two clocks.
            pl.min_horizontal(event_time, "_received_at").dt.date().alias("_event_date"),
            self._reference.retention_days(rows["_workspace_id"], contract.policy).alias("_retention_days"),
        )
        gone = pl.col("_event_date") + pl.duration(days="_retention_days") <= self._options.as_of.date()
        rows = self._drop(rows, gone, "expired", contract)
        self.days.setdefault(contract.source, set()).update(rows["_event_date"].unique())
        return rows

    def _with_consent(self, rows: pl.DataFrame, contract: Contract) -> pl.DataFrame:
        without = pl.col(str(contract.consent)).not_().fill_null(value=True)
        member = next(name for name, c in contract.columns.items() if c.as_ == "member_token")
        withdrawn = self._reference.withdrawn(rows, member=member, at=str(contract.event_time))
        return self._drop(rows, without | withdrawn, "no_consent", contract)

    def _drop(self, rows: pl.DataFrame, condition: pl.Expr, reason: str, contract: Contract) -> pl.DataFrame:
        kept = rows.filter(~condition)
        if dropped := rows.height - kept.height:
            self.outcomes[contract.source, "dropped", reason] += dropped
        return kept

    def _set_aside(
        self,
        rows: pl.DataFrame,
        condition: pl.Expr,
        reason: str,
        contract: Contract,
        batch: ParsedBatch,
        writer: StoreWriter,
    ) -> pl.DataFrame:
        aside = rows.filter(condition)
        if not aside.is_empty():
            self.outcomes[contract.source, "quarantined", reason] += aside.height
            places = aside.select(
                pl.col("_record").alias("record"),
                pl.lit(contract.source).alias("source"),
                pl.lit(reason).alias("reason"),
            )
            self._quarantine(places, batch, writer)
        return rows.filter(~condition)

    def _quarantine_rejected(self, batch: ParsedBatch, writer: StoreWriter) -> None:
        if not batch.rejected.num_rows:
            return
        rejected = cast("pl.DataFrame", pl.from_arrow(batch.rejected))
        for source, reason, rows in rejected.group_by("source", "reason").len().iter_rows():
            self.rows_read[source] += rows
            self.outcomes[source, "quarantined", reason] += rows
        self._quarantine(rejected, batch, writer)

    def _quarantine(self, places: pl.DataFrame, batch: ParsedBatch, writer: StoreWriter) -> None:
        """Keep the raw records, encrypted, for as long as the inbox may keep them."""
        payloads = cast("pl.DataFrame", pl.from_arrow(batch.payloads))
        rows = places.unique(maintain_order=True).join(
            payloads, on="record", how="left", maintain_order="left_right"
        )
        rows = rows.select(
            pl.lit(self._feed).alias("feed"),
            "source",
            "reason",
            pl.lit(writer.batch_id).alias("batch_id"),
            "record",
            "payload",
            pl.lit(self._options.received_at or self._options.as_of).alias("received_at"),
            pl.lit(self._options.quarantined_on or self._options.as_of.date()).alias("event_date"),
            pl.lit(self._runtime.policy.inbox_ttl_days, dtype=pl.Int32).alias("retention_days"),
        )
        writer.append(EventSet(QUARANTINE, "quarantine", id_column=None), rows.to_arrow())

    def _note(self, batch: ParsedBatch, progress: Progress | None) -> None:
        self.unknown.update(batch.unknown)
        self.masked.update(batch.masked)
        if progress is not None:
            progress(batch.rows_read)

    def _counts(self) -> list[Count]:
        return [Count(source, outcome, reason, n) for (source, outcome, reason), n in self.outcomes.items()]


def entity_set(runtime: Runtime, contract: Contract, *, as_of: datetime) -> EntitySet:
    """The store's view of an entity contract."""
    names = {name: column.as_ or name for name, column in contract.columns.items()}
    return EntitySet(
        source=contract.source,
        key_prefix=contract.policy.value,
        columns=contract.plan.stored_columns(),
        version=names[str(contract.version)],
        month_of=names[contract.event_time] if contract.event_time else None,
        retention_days=runtime.policy.retention_class(contract.policy, setting_days=None, as_of=as_of),
    )


def _already(path: Path, feed: str, batch_id: str, options: Options) -> Ingested:
    # Committed before, so its rows are safe: a crash came between the commit and the unlinking.
    if not options.keep:
        unlink_durably(path)
    return Ingested(batch_id=batch_id, feed=feed, status="already ingested")


def _feed_of(contracts: Sequence[Contract]) -> str:
    feeds = sorted({contract.feed for contract in contracts})
    if len(feeds) != 1:
        raise MixedFeedsError(feeds)
    return feeds[0]


def _content_hash(path: Path, *, key: bytes, feed: str) -> str:
    """Keyed, because a file of one record could be guessed from a plain hash."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    return hmac.digest(key, feed.encode() + b"\x1f" + digest, "sha256").hex()
