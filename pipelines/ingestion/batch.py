"""Take in what arrived together: parse, sort out, anonymize, write, commit; every row is counted.

Raw rows are in memory only between the parser and the anonymizer.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

import polars as pl
import pyarrow as pa
from tenacity import retry, retry_if_exception_type, stop_after_attempt

from anonymizers.engine import anonymize, keyed_workspaces, redactions
from anonymizers.tokens import PLATFORM
from pipelines.declarations.contract import Contract, Kind
from pipelines.declarations.declarations import Declarations
from pipelines.declarations.errors import MixedFeedsError
from pipelines.declarations.policy import QUARANTINE_CATEGORY
from pipelines.ingestion.lookups import Reference
from pipelines.ingestion.options import Options
from pipelines.ingestion.sorting import sort_out
from pipelines.ingestion.tally import Tally, check_fit, check_windows
from pipelines.ingestion.word_counting import WordCounting
from pipelines.privacy.erasures import is_refused
from pipelines.sources.batch import ParsedBatch
from pipelines.sources.quarantined import quarantine_rows
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
from warehouse.store.parts import EventSet, StoreWriter, commit_batch, writing
from warehouse.store.store import Store

# A merge that meets as many conflicts is to replace a file that is gone, or meets a defect.
MOST_MERGES = 5


@dataclass(frozen=True, slots=True)
class Arrival:
    """Records that arrived together: a landed file, or a file of quarantine that is tried again.

    Attributes:
        contracts: All contracts of their feed.
        content_hash: Identity of the batch.
        parse: Reads them, from the first on.
        full: They are a full export.
        replaces: Store files that they came from.
        looks_like: Says what the file looks like that must be refused if nearly all of it is rejected;
            None where the records are no file, or no longer one.
    """

    contracts: Sequence[Contract]
    content_hash: str
    parse: Callable[[], Iterable[ParsedBatch]]
    full: bool = False
    replaces: Sequence[Part] = ()
    looks_like: Callable[[], str] | None = None

    @property
    def feed(self) -> str:
        """Return the one feed of the contracts."""
        return feed_of(self.contracts)

    @property
    def batch_id(self) -> str:
        """Return the short name of the batch."""
        return self.content_hash[:16]


class Batch:
    """One arrival on its way into the store; used once."""

    def __init__(self, declarations: Declarations, store: Store, arrival: Arrival, options: Options) -> None:
        self._declarations = declarations
        self._store = store
        self._arrival = arrival
        self._options = options
        self._reference = Reference(declarations, store, as_of=options.as_of)
        self._counting = WordCounting(declarations, store, as_of=options.as_of)
        self.tally = Tally()
        # Pseudonym keys that were not there before.
        self._keys_made: set[str] = set()
        self._ended: set[str] = set()

    def load(self, *, progress: Progress) -> list[Count]:
        """Store the rows and commit them; return all counts."""
        (first, *_) = self._arrival.contracts
        store = self._store
        batch_id = self._arrival.batch_id
        with writing(store.home, ledger=store.ledger, engine=store.engine, batch_id=batch_id) as writer:
            if first.kind is Kind.ENTITY:
                return self._load_entities(first, writer, progress)
            for contract, rows in self._safe_rows(writer, progress):
                writer.append(EventSet(contract.source, contract.policy.value), rows)
            return self._commit(writer)

    def forget_keys(self) -> None:
        """Destroy keys that this batch made, while it did not know yet that their workspace has ended.

        They are of no use: nothing was committed, and nothing of that workspace will be.
        """
        now = Reference(self._declarations, self._store, as_of=self._options.as_of)
        self._store.keyring.destroy(Purpose.PSEUDONYM, *now.ended(pl.Series(sorted(self._keys_made))))

    def _load_entities(self, contract: Contract, writer: StoreWriter, progress: Progress) -> list[Count]:
        with EntityWriter(
            self._store.home,
            entities=entity_set(contract),
            ledger=self._store.ledger,
            engine=self._store.engine,
            batch_id=writer.batch_id,
        ) as entities:
            for _, rows in self._safe_rows(writer, progress):
                entities.append(rows)
            return self._commit_merged(entities, contract, writer)

    @retry(retry=retry_if_exception_type(ConflictError), stop=stop_after_attempt(MOST_MERGES), reraise=True)
    def _commit_merged(self, entities: EntityWriter, contract: Contract, writer: StoreWriter) -> list[Count]:
        """Merge with what is live and commit; again after each batch that came between."""
        # Before the holds are read: one that comes after this is a conflict.
        snapshot = self._store.ledger.generation()
        merge = entities.merge(
            full=self._arrival.full,
            allow_shrink=self._options.allow_shrink,
            spared=self._ended,
            keeping=_kept_by_holds(contract, self._declarations, self._store, self._options.as_of),
        )
        merge = replace(merge, snapshot=min(snapshot, merge.snapshot), watched=merge.watched | {(HOLDS, "")})
        return self._commit(writer, merge)

    def _commit(self, writer: StoreWriter, merge: Merge | None = None) -> list[Count]:
        arrival, options = self._arrival, self._options
        if arrival.looks_like is not None:
            check_fit(self.tally, arrival.feed, arrival.looks_like)
        if not (options.allow_expired or options.dry_run):
            check_windows(self.tally, options.as_of)
        return commit_batch(
            writer,
            self._store.ledger,
            as_of=options.as_of,
            feed=arrival.feed,
            content_hash=arrival.content_hash,
            rows_read=self.tally.rows_read,
            counts=[*self.tally.counts, *(merge.counts if merge else ())],
            uncounted=frozenset({QUARANTINE}),
            merge=merge,
            removed=arrival.replaces,
            epoch=self._reference.epoch,
            dry_run=options.dry_run,
            also=None if options.dry_run else self._counting.addition(),
        )

    def _safe_rows(self, writer: StoreWriter, progress: Progress) -> Iterator[tuple[Contract, pa.Table]]:
        """Yield anonymized rows by contract; what waits in quarantine is written on the way."""
        contracts = {contract.source: contract for contract in self._arrival.contracts}
        for parsed in self._arrival.parse():
            self.tally.take_parsed(parsed)
            waiting = [cast("pl.DataFrame", pl.from_arrow(parsed.rejected))]
            for source, table in parsed.tables.items():
                found = sort_out(
                    cast("pl.DataFrame", pl.from_arrow(table)),
                    contracts[source],
                    self._reference,
                    workspace=self._options.workspace,
                )
                self.tally.take_sorted(source, found)
                self._ended |= found.ended
                waiting.append(found.waiting)
                if not found.rows.is_empty():
                    rows = self._anonymized(found.rows, contracts[source])
                    yield contracts[source], self._without_erased(rows, contracts[source])
            self._quarantine(pl.concat(waiting), parsed, writer)
            progress("rows", self.tally.read, None)

    def _anonymized(self, rows: pl.DataFrame, contract: Contract) -> pa.Table:
        """Return the stored columns of raw rows; of events also their day and class."""
        placement = rows.select(c for c in ("_event_date", "_retention_days") if c in rows.columns)
        rows = rows.drop("_record", "_channel", *placement.columns)
        if contract.plan.needs_regions:
            rows = rows.with_columns(self._reference.countries(rows["_workspace_id"]).alias("_region"))
        raw = rows.to_arrow()
        keys = self._keys(raw, contract)
        safe = anonymize(raw, plan=contract.plan, keys=keys, text=self._counting.scrubber)
        self._counting.note(raw, contract.plan)
        for column, texts in redactions(safe, plan=contract.plan).items():
            self.tally.redacted[f"{contract.source}.{column}"] += texts
        for name in placement.columns:
            safe = safe.append_column(name.removeprefix("_"), placement[name].to_arrow())
        return safe

    def _without_erased(self, rows: pa.Table, contract: Contract) -> pa.Table:
        """Return the rows without those of erased persons, which are counted."""
        refused = is_refused(rows, contract, self._reference.suppressed(rows["workspace_id"]))
        if not refused.any():
            return rows
        self.tally.outcomes[contract.source, "dropped", "erased"] += int(refused.sum())
        return rows.filter((~refused).to_arrow())

    def _keys(self, raw: pa.Table, contract: Contract) -> dict[str, bytes]:
        names = {name for name in keyed_workspaces(raw, plan=contract.plan) if name is not None}
        keyring = self._store.keyring
        self._keys_made |= {name for name in names if not keyring.has(Purpose.PSEUDONYM, name)}
        return keyring.get_all(Purpose.PSEUDONYM, {PLATFORM, *names})

    def _quarantine(self, places: pl.DataFrame, parsed: ParsedBatch, writer: StoreWriter) -> None:
        """Keep raw records, encrypted, for as long as the inbox may keep them."""
        if places.is_empty():
            return
        options = self._options
        rows = quarantine_rows(
            places,
            parsed.payloads,
            feed=self._arrival.feed,
            batch_id=writer.batch_id,
            received_at=options.received_at or options.as_of,
            since=options.quarantined_on or options.as_of.date(),
            days=self._declarations.policy.inbox_ttl_days,
        )
        writer.append(EventSet(QUARANTINE, QUARANTINE_CATEGORY, id_column=None), rows)


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


def _kept_by_holds(
    contract: Contract, declarations: Declarations, store: Store, as_of: datetime
) -> HoldSql | None:
    """Return what a deletion in the source may not reach, as of now; None where nothing is held."""
    holds = active_holds(retention_inputs(declarations, store, as_of=as_of), as_of)
    if not holds:
        return None
    data = data_sets(declarations.contracts)[contract.source]
    return lambda columns: first_hold_sql(data, holds, present=columns, row="old")
