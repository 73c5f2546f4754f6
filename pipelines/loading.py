"""The rows of one file on their way into the store: resolved, sorted out, anonymized, counted at every turn.

Raw rows are in memory only between the parser and the anonymizer.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import cast

import polars as pl
import pyarrow as pa

from anonymizers.engine import anonymize, redactions
from anonymizers.tokens import PLATFORM
from pipelines.contract import Contract, Kind
from pipelines.errors import MixedFeedsError
from pipelines.facts import QUARANTINE
from pipelines.policy import QUARANTINE_CATEGORY
from pipelines.reference import Reference
from pipelines.runtime import Runtime
from pipelines.sources import ParsedBatch
from warehouse.entities import EntitySet, EntityWriter
from warehouse.errors import ConflictError
from warehouse.keyring import Purpose
from warehouse.ledger import Count, Part
from warehouse.store import EventSet, StoreWriter, commit_batch

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
        dry_run: Do all but commit: count what would become of the rows, change nothing.
    """

    as_of: datetime
    received_at: datetime | None = None
    workspace: str | None = None
    keep: bool = False
    allow_shrink: bool = False
    quarantined_on: date | None = None
    dry_run: bool = False


class Batch:
    """The rows of one file on their way: counted at every turn."""

    def __init__(
        self, runtime: Runtime, *, contracts: Sequence[Contract], options: Options, replaces: Sequence[Part]
    ) -> None:
        self._replaces = replaces
        self._runtime = runtime
        self._contracts = {contract.source: contract for contract in contracts}
        self._options = options
        self._reference = Reference(runtime, as_of=options.as_of)
        self._feed = feed_of(contracts)
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
            dry_run=self._options.dry_run,
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
            entities=entity_set(contract),
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
                        dry_run=self._options.dry_run,
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
        writer.append(EventSet(QUARANTINE, QUARANTINE_CATEGORY, id_column=None), rows.to_arrow())

    def _note(self, batch: ParsedBatch, progress: Progress | None) -> None:
        self.unknown.update(batch.unknown)
        self.masked.update(batch.masked)
        if progress is not None:
            progress(batch.rows_read)

    def _counts(self) -> list[Count]:
        return [Count(source, outcome, reason, n) for (source, outcome, reason), n in self.outcomes.items()]


def entity_set(contract: Contract) -> EntitySet:
    """The store's view of an entity contract."""
    return EntitySet(
        source=contract.source,
        key_prefix=contract.policy.value,
        columns=contract.plan.stored_columns(),
        version=contract.stored_name(str(contract.version)),
        month_of=contract.stored_name(contract.event_time) if contract.event_time else None,
    )


def feed_of(contracts: Sequence[Contract]) -> str:
    """The one feed of a file's contracts.

    Raises:
        MixedFeedsError: They land in several places.
    """
    feeds = sorted({contract.feed for contract in contracts})
    if len(feeds) != 1:
        raise MixedFeedsError(feeds)
    return feeds[0]
