"""The rows of one file on their way into the store: resolved, sorted out, anonymized, counted at every turn.

Raw rows are in memory only between the parser and the anonymizer.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import cast

import polars as pl
import pyarrow as pa
from tenacity import retry, retry_if_exception_type, stop_after_attempt

from anonymizers.engine import anonymize, keyed_workspaces, redactions
from anonymizers.tokens import PLATFORM
from pipelines.declarations.calendar import CLOCK_SKEW_DAYS
from pipelines.declarations.contract import Contract, Kind
from pipelines.declarations.declarations import Declarations
from pipelines.declarations.errors import MixedFeedsError, MostlyExpiredError
from pipelines.declarations.policy import QUARANTINE_CATEGORY
from pipelines.ingestion.channels import as_declared
from pipelines.ingestion.lookups import Reference
from pipelines.ingestion.word_counting import WordCounting
from pipelines.sources import ParsedBatch
from pipelines.sources.errors import UnfitFileError
from pipelines.windows.inputs import HOLDS, QUARANTINE, data_sets, retention_inputs
from warehouse.errors import ConflictError
from warehouse.keys.keyring import Purpose
from warehouse.ledger.batches import Count, Merge
from warehouse.ledger.parts import Part
from warehouse.progress import Progress
from warehouse.retention.holds import first_hold_sql
from warehouse.retention.rules import active_holds
from warehouse.store.entities import EntityWriter, HoldSql
from warehouse.store.entity_sql import EntitySet
from warehouse.store.parts import EventSet, StoreWriter, commit_batch
from warehouse.store.store import Store

# A time stamp of 2099 must not live for ever; clocks of providers do differ by hours.
LONGEST_CLOCK_SKEW = timedelta(days=CLOCK_SKEW_DAYS)
# Fewer rows past their window need nobody's yes.
FEWEST_EXPIRED = 20
# A merge that meets as many conflicts is to replace a file that is gone, or meets a defect.
MOST_MERGES = 5
# A file of which so much is rejected for one reason is not what was expected: it is refused as a whole.
NEARLY_ALL = 0.9
# Of fewer rows than that, single values may be wrong in all without the file being another one.
_FEWEST_VALUES = 10
_VALUE_REASONS = ("missing_value:", "invalid_value:", "unexpected_value:")
# What lies in the store or in the clock may be right tomorrow; the records wait in quarantine.
_REASONS_OUTSIDE = frozenset({"unknown_channel", "future_event"})


@dataclass(frozen=True, slots=True)
class Options:
    """How to ingest.

    Attributes:
        as_of: The clock, naive UTC.
        received_at: When records without an envelope were received; None = ``as_of``.
        workspace: Workspace of records whose channel would name it.
        keep: Leave the file where it is.
        allow_shrink: Let a full export delete more than half of a table.
        allow_expired: Load a file although most of its rows are past their window.
        quarantined_on: Day since when records retried from quarantine are there; their stay does not
            begin anew. None = the day of ``as_of``.
        dry_run: Do all but commit: count what would become of the rows, change nothing.
    """

    as_of: datetime
    received_at: datetime | None = None
    workspace: str | None = None
    keep: bool = False
    allow_shrink: bool = False
    allow_expired: bool = False
    quarantined_on: date | None = None
    dry_run: bool = False


class Batch:
    """The rows of one file on their way: counted at every turn."""

    def __init__(
        self,
        declarations: Declarations,
        store: Store,
        *,
        contracts: Sequence[Contract],
        options: Options,
        replaces: Sequence[Part],
        looks_like: Callable[[], str] | None,
    ) -> None:
        """Begin with nothing read.

        Args:
            looks_like: Says what the file looks like that must be refused if nearly all of it is rejected;
                None where the records are no file, or no longer one.
        """
        self._replaces = replaces
        self._looks_like = looks_like
        self._declarations = declarations
        self._store = store
        self._contracts = {contract.source: contract for contract in contracts}
        self._options = options
        self._reference = Reference(declarations, store, as_of=options.as_of)
        self._counting = WordCounting(declarations, store, as_of=options.as_of)
        self._feed = feed_of(contracts)
        self.rows_read: Counter[str] = Counter()
        self.outcomes: Counter[tuple[str, str, str]] = Counter()
        self.unknown: Counter[str] = Counter()
        self.masked: Counter[str] = Counter()
        self.redacted: Counter[str] = Counter()
        self.days: dict[str, set[date]] = {}
        # Pseudonym keys that were not there before.
        self._keys_made: set[str] = set()
        self._ended: set[str] = set()

    @property
    def is_of_entities(self) -> bool:
        """Whether the file holds states rather than events."""
        return next(iter(self._contracts.values())).kind is Kind.ENTITY

    def forget_keys(self) -> None:
        """Destroy keys that this batch made, while it did not know yet that their workspace has ended.

        They are of no use: nothing was committed, and nothing of that workspace will be.
        """
        ended = Reference(self._declarations, self._store, as_of=self._options.as_of).ended(
            pl.Series(sorted(self._keys_made))
        )
        self._store.keyring.destroy(Purpose.PSEUDONYM, *ended)

    def load_events(
        self,
        parsed: Iterable[ParsedBatch],
        writer: StoreWriter,
        content_hash: str,
        *,
        progress: Progress,
    ) -> list[Count]:
        for batch in parsed:
            self._take_unread(batch, writer)
            for source, table in batch.tables.items():
                contract = self._contracts[source]
                safe = self._safe_rows(contract, table, batch, writer)
                if safe is not None:
                    writer.append(EventSet(source, contract.policy.value), safe)
            self._note(batch, progress)
        return self._commit(writer, content_hash)

    def load_entities(
        self,
        parsed: Iterable[ParsedBatch],
        writer: StoreWriter,
        content_hash: str,
        *,
        full: bool,
        progress: Progress,
    ) -> list[Count]:
        (contract,) = self._contracts.values()
        entities = EntityWriter(
            self._store.home,
            entities=entity_set(contract),
            ledger=self._store.ledger,
            engine=self._store.engine,
            batch_id=writer.batch_id,
        )
        committed = False
        try:
            for batch in parsed:
                self._take_unread(batch, writer)
                for table in batch.tables.values():
                    safe = self._safe_rows(contract, table, batch, writer)
                    if safe is not None:
                        entities.append(safe)
                self._note(batch, progress)
            counts = self._commit_merged(entities, contract, writer, content_hash, full=full)
            committed = True
        finally:
            entities.close(committed=committed)
        return counts

    @retry(retry=retry_if_exception_type(ConflictError), stop=stop_after_attempt(MOST_MERGES), reraise=True)
    def _commit_merged(
        self,
        entities: EntityWriter,
        contract: Contract,
        writer: StoreWriter,
        content_hash: str,
        *,
        full: bool,
    ) -> list[Count]:
        """Merge with what is live and commit; again after each batch that came between."""
        # Before the holds are read: one that comes after this is a conflict.
        snapshot = self._store.ledger.generation()
        merge = entities.merge(
            full=full,
            allow_shrink=self._options.allow_shrink,
            spared=self._ended,
            keeping=self._keeping(contract),
        )
        merge = replace(merge, snapshot=min(snapshot, merge.snapshot), watched=merge.watched | {(HOLDS, "")})
        return self._commit(writer, content_hash, merge)

    def _check_windows(self) -> None:
        """Refuse a file most of whose rows are past their window: a wrong clock looks the same."""
        expired = sum(n for (_, _, reason), n in self.outcomes.items() if reason == "expired")
        read = sum(self.rows_read.values())
        may_drop = self._options.allow_expired or self._options.dry_run
        if expired >= FEWEST_EXPIRED and expired * 2 > read and not may_drop:
            raise MostlyExpiredError(expired, read, self._options.as_of)

    def _commit(self, writer: StoreWriter, content_hash: str, merge: Merge | None = None) -> list[Count]:
        self._check_fit()
        self._check_windows()
        return commit_batch(
            writer,
            self._store.ledger,
            as_of=self._options.as_of,
            feed=self._feed,
            content_hash=content_hash,
            rows_read=self.rows_read,
            counts=[*self._counts(), *(merge.counts if merge else ())],
            uncounted=frozenset({QUARANTINE}),
            merge=merge,
            removed=self._replaces,
            epoch=self._reference.epoch,
            dry_run=self._options.dry_run,
            also=self._counted(),
        )

    def _check_fit(self) -> None:
        """Refuse a file of which nearly all records are rejected for one reason that lies in the file."""
        if self._looks_like is None:
            return
        rejected: Counter[str] = Counter()
        for (_, outcome, reason), rows in self.outcomes.items():
            if outcome == "quarantined" and reason not in _REASONS_OUTSIDE:
                rejected[reason] += rows
        read = sum(self.rows_read.values())
        for reason, rows in rejected.most_common(1):
            if rows >= NEARLY_ALL * read and (
                read >= _FEWEST_VALUES or not reason.startswith(_VALUE_REASONS)
            ):
                raise UnfitFileError(
                    self._feed, reason, rejected=rows, read=read, looks_like=self._looks_like()
                )

    def _safe_rows(
        self, contract: Contract, table: pa.Table, batch: ParsedBatch, writer: StoreWriter
    ) -> pa.Table | None:
        """Resolve, sort out and anonymize rows; None if none is left."""
        self.rows_read[contract.source] += table.num_rows
        rows = cast("pl.DataFrame", pl.from_arrow(table))
        rows = self._with_workspace(rows, contract)
        rows = self._set_aside(
            rows, pl.col("_workspace_id").is_null(), "unknown_channel", contract, batch, writer
        )
        # Before any key is asked for: one that was destroyed must not be made again.
        rows = self._of_living_accounts(rows, contract)
        match contract.kind:
            case Kind.EVENT:
                rows = self._of_this_time(rows, contract, batch, writer)
            case Kind.ENTITY if contract.event_time is not None:
                windows = self._reference.windows(rows["_workspace_id"], contract.policy)
                past = pl.col(contract.event_time).dt.date() <= windows["_expired_through"]
                rows = self._drop(rows, past, "expired", contract)
        if contract.consent is not None:
            rows = self._with_consent(rows, contract)
        if rows.is_empty():
            return None
        placement = rows.select(c for c in ("_event_date", "_retention_days") if c in rows.columns)
        rows = rows.drop("_record", "_channel", *placement.columns)
        if contract.plan.needs_regions:
            rows = rows.with_columns(self._reference.countries(rows["_workspace_id"]).alias("_region"))
        raw = rows.to_arrow()
        safe = anonymize(
            raw, plan=contract.plan, keys=self._keys(raw, contract), text=self._counting.scrubber
        )
        self._counting.note(raw, contract.plan)
        redacted = redactions(safe, plan=contract.plan)
        self.redacted.update({f"{contract.source}.{column}": n for column, n in redacted.items()})
        for name in placement.columns:
            safe = safe.append_column(name.removeprefix("_"), placement[name].to_arrow())
        return safe

    def _with_workspace(self, rows: pl.DataFrame, contract: Contract) -> pl.DataFrame:
        """Read values as the rows' channels declare them, and add `_workspace_id`."""
        override = self._options.workspace
        told_at = rows["_received_at"]
        if contract.asks_the_channel:
            # Only the channel says on whose clock the event's time is.
            channels = self._reference.channels(rows, contract, at=told_at, override=override)
            rows = as_declared(rows, contract, channels)
        at = rows.select(pl.min_horizontal(_happened_at(contract), "_received_at")).to_series()
        channels = self._reference.channels(rows, contract, at=at, override=override)
        return rows.with_columns(channels["_workspace_id"])

    def _counted(self) -> Callable[[sqlite3.Connection, int], None] | None:
        return None if self._options.dry_run else self._counting.addition()

    def _keys(self, raw: pa.Table, contract: Contract) -> dict[str, bytes]:
        names = {name for name in keyed_workspaces(raw, plan=contract.plan) if name is not None}
        keyring = self._store.keyring
        self._keys_made |= {name for name in names if not keyring.has(Purpose.PSEUDONYM, name)}
        return keyring.get_all(Purpose.PSEUDONYM, {PLATFORM, *names})

    def _of_living_accounts(self, rows: pl.DataFrame, contract: Contract) -> pl.DataFrame:
        """Drop rows of workspaces whose account has ended, unless the category outlives it."""
        if self._reference.outlives_account(contract.policy):
            return rows
        ended = self._reference.ended(rows["_workspace_id"], source=contract.source)
        if not ended:
            return rows
        self._ended |= set(ended)
        dropped = pl.col("_workspace_id").is_in(ended)
        if contract.source == HOLDS:
            dropped &= ~self._still_needed(rows, contract)
        return self._drop(rows, dropped, "terminated", contract)

    def _still_needed(self, rows: pl.DataFrame, contract: Contract) -> pl.Series:
        """Legal holds that outlive the account: those that run, and changes of those that are there.

        One that names a person needs the workspace's key, which is there for as long as a hold runs.
        """
        known = self._reference.known_holds()
        asked = rows.select(pl.col("_workspace_id").alias("workspace_id"), "hold_id")
        is_known = asked.join(
            known.unique().with_columns(pl.lit(value=True).alias("is_known")),
            on=["workspace_id", "hold_id"],
            how="left",
            maintain_order="left",
        )["is_known"].fill_null(value=False)
        has_key = {
            workspace: self._store.keyring.has(Purpose.PSEUDONYM, workspace)
            for workspace in rows["_workspace_id"].unique()
        }
        names_nobody = rows.select(pl.all_horizontal(pl.col(contract.plan.identities).is_null())).to_series()
        return (is_known | (rows["expires_at"] > self._options.as_of)) & (
            names_nobody | rows["_workspace_id"].replace_strict(has_key, return_dtype=pl.Boolean)
        )

    def _keeping(self, contract: Contract) -> HoldSql:
        """What a deletion in the source may not reach, as of now."""
        facts = retention_inputs(self._declarations, self._store, as_of=self._options.as_of)
        data = data_sets(self._declarations.contracts)[contract.source]
        holds = active_holds(facts, self._options.as_of)
        return lambda columns: first_hold_sql(data, holds, present=columns, row="old")

    def _of_this_time(
        self, rows: pl.DataFrame, contract: Contract, batch: ParsedBatch, writer: StoreWriter
    ) -> pl.DataFrame:
        event_time = _happened_at(contract)
        # An event that names no time happened when we were told.
        rows = rows.with_columns(event_time.fill_null(pl.col("_received_at")))
        too_late = event_time > pl.col("_received_at") + LONGEST_CLOCK_SKEW
        rows = self._set_aside(rows, too_late, "future_event", contract, batch, writer)
        rows = rows.with_columns(
            # Retention starts at the earlier of the two clocks.
            pl.min_horizontal(event_time, "_received_at").dt.date().alias("_event_date"),
            *self._reference.windows(rows["_workspace_id"], contract.policy),
        )
        past = pl.col("_event_date") <= pl.col("_expired_through")
        rows = self._drop(rows, past, "expired", contract).drop("_expired_through")
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

    def _take_unread(self, batch: ParsedBatch, writer: StoreWriter) -> None:
        """Count what gave no row: what is not needed is dropped, what cannot be read is quarantined."""
        for (source, reason), rows in batch.dropped.items():
            self.rows_read[source] += rows
            self.outcomes[source, "dropped", reason] += rows
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
            pl.lit(self._declarations.policy.inbox_ttl_days, dtype=pl.Int32).alias("retention_days"),
        )
        writer.append(EventSet(QUARANTINE, QUARANTINE_CATEGORY, id_column=None), rows.to_arrow())

    def _note(self, batch: ParsedBatch, progress: Progress) -> None:
        self.unknown.update(batch.unknown)
        self.masked.update(batch.masked)
        progress("rows", sum(self.rows_read.values()), None)

    def _counts(self) -> list[Count]:
        return [Count(source, outcome, reason, n) for (source, outcome, reason), n in self.outcomes.items()]


def _happened_at(contract: Contract) -> pl.Expr:
    """Return when an event happened; entities are asked about as they arrive."""
    is_told = contract.kind is Kind.ENTITY or contract.event_time == "received_at"
    return pl.col("_received_at" if is_told else str(contract.event_time))


def entity_set(contract: Contract) -> EntitySet:
    """The store's view of an entity contract."""
    return EntitySet(
        source=contract.source,
        key_prefix=contract.policy.value,
        columns=contract.plan.stored_columns(),
        version=contract.stored_name(str(contract.version)),
        month_of=contract.stored_name(contract.event_time) if contract.event_time else None,
        outlives_deletion=tuple(map(contract.stored_name, contract.outlives_deletion)),
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
