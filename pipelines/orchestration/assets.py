"""Make assets from the contracts: inbox, store and the published copy. The work is done elsewhere."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

import dagster as dg

from anonymizers.errors import AnonymizerError
from pipelines.codegen.stored_columns import stored_columns
from pipelines.declarations.contract import Contract, Kind
from pipelines.declarations.declarations import Declarations
from pipelines.declarations.errors import PipelineError
from pipelines.ingestion.batch import Options
from pipelines.ingestion.ingest import Ingested, ingest_file
from pipelines.orchestration.keys import (
    DAYS,
    MARTS_JOB,
    RETRIES,
    WRITER_POOL,
    batches_key,
    days_between,
    identities_key,
    inbox_key,
    selected_days,
    store_key,
    team,
    values_stay_inside,
)
from pipelines.orchestration.resources import Warehouse
from pipelines.orchestration.retention_assets import lost_days
from pipelines.retention.closing import compact_closed_days
from pipelines.sources.inbox import LOAD_FIRST, feeds, landed_files
from warehouse.errors import WarehouseError
from warehouse.retention import evidence
from warehouse.store.compaction import compact_day
from warehouse.store.store import Store


def inbox_asset(feed: str, contracts: Sequence[Contract]) -> dg.AssetSpec:
    """Make the asset of a feed's inbox directory; others fill it, so Dagster only shows it.

    The store depends on it, not on `batches_asset`: a day is not out of step because files of other
    days came later.
    """
    return dg.AssetSpec(
        key=inbox_key(feed),
        group_name=contracts[0].provider,
        owners=_owners(contracts),
        description=f"Raw files that wait in `data/inbox/{feed}/`, for "
        f"{', '.join(contract.source for contract in contracts)}.",
        kinds={"file"},
        tags={"zone": "inbox"},
    )


def identities_asset(contracts: Iterable[Contract]) -> dg.AssetSpec:
    """Make the asset of the identity graph; it is made for each session, so Dagster only shows it."""
    linking = [contract for contract in contracts if contract.same_person]
    return dg.AssetSpec(
        key=identities_key(),
        deps=[store_key(contract.source) for contract in linking],
        group_name="identity",
        owners=_owners(linking),
        description="Which numbers and user ids are one contact's, by the rows that name two of them. "
        "Facts are counted by contact.",
        tags={"zone": "store"},
    )


def batches_asset(feed: str, contracts: Sequence[Contract]) -> dg.AssetsDefinition:
    """Make the asset of a feed's batches; to materialize it is to load the files that wait.

    Keyed by arrival, so it has no partitions: each event day that got rows is logged as a
    materialization of the store assets.
    """

    @dg.asset(
        key=batches_key(feed),
        deps=[inbox_key(feed)],
        group_name=contracts[0].provider,
        owners=_owners(contracts),
        description=f"Batches in the ledger, one per file of `{feed}`. Materializing takes in what waits; "
        "a file is removed once all its rows are accounted for.",
        kinds={"sqlite"},
        tags={"zone": "inbox"},
        # In one run, what others look up is loaded first.
        op_tags={"dagster/priority": str(_priority(feed, contracts[0]))},
        # One at a time per feed, all feeds side by side.
        pool=batches_key(feed).path[-1],
        retry_policy=RETRIES,
    )
    def _batches(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult[None]:
        runtime = warehouse.runtime
        options = Options(as_of=warehouse.now())
        results, problems = [], []
        with values_stay_inside():
            for path in waiting_files(*runtime, feed):
                # One bad file must not hold up the others.
                try:
                    results.append(ingest_file(*runtime, path, contracts=contracts, options=options))
                except FileNotFoundError:
                    continue  # taken by a command line meanwhile
                except (PipelineError, AnonymizerError, WarehouseError) as error:
                    problems.append(str(error))
            for event in materializations(*runtime, results):
                context.log_event(event)
        if problems:
            raise dg.Failure(
                description=f"{len(problems)} of {len(problems) + len(results)} file(s) stay in the inbox. "
                + "\n".join(sorted(set(problems))),
                allow_retries=False,
            )
        return dg.MaterializeResult(metadata=_metadata(results))

    return _batches


def store_asset(contract: Contract) -> dg.AssetsDefinition:
    """Make the asset of a contract's stored rows: by event day, or the latest state of an entity.

    Rows come by ingestion, never by materializing: that only compacts what is there.
    """
    events = contract.kind is Kind.EVENT

    @dg.asset(
        key=store_key(contract.source),
        deps=[inbox_key(contract.feed)],
        partitions_def=DAYS if events else None,
        backfill_policy=dg.BackfillPolicy.single_run() if events else None,
        group_name=contract.provider,
        owners=[team(contract.owner)],
        description=f"{contract.description} Pseudonymous and encrypted; "
        + (
            "expires by day. Materializing a day compacts it; one that expired is refused."
            if events
            else "the latest state only."
        ),
        kinds={"parquet"},
        tags={"zone": "store", "policy": contract.policy.value, "subject": contract.subject.value},
        metadata={
            "dagster/column_schema": _column_schema(contract),
            "dagster/table_name": f"store.{contract.source}",
            "contract": f"pipelines/contracts/{contract.source}.yml",
            "lateness_days": contract.lateness_days,
        },
        pool=WRITER_POOL,
        retry_policy=RETRIES,
    )
    def _store(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult[None]:
        runtime = warehouse.runtime
        with values_stay_inside():
            if not events:
                rows = sum(part.rows for part in runtime.store.ledger.live_parts(contract.source))
                return dg.MaterializeResult(metadata={"dagster/row_count": rows})
            days = days_between(*_chosen_days(context, contract))
            expired = _expired(context, warehouse, contract, days)
            rows_by_day = dict(runtime.store.ledger.live_days(contract.source))
            for day in days:
                if day in rows_by_day:
                    _compact(warehouse, contract, day)
                context.add_asset_metadata(
                    {"dagster/partition_row_count": rows_by_day.get(day, 0), **expired.get(day, {})},
                    partition_key=day.isoformat(),
                )
            return dg.MaterializeResult()

    return _store


@dg.op(pool=WRITER_POOL, retry_policy=RETRIES)
def compact_closed(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
    """Compact the days that closed and changed since."""
    with values_stay_inside():
        compacted, swept = compact_closed_days(*warehouse.runtime, as_of=warehouse.now())
    context.add_output_metadata({"files_compacted": compacted, "files_unlinked": swept.files})


@dg.job(name="close", description="Compact closed days that got late rows. Deletes no row.")
def close_job() -> None:
    """Run the op alone: it spans all assets."""
    compact_closed()


def contract_assets(contracts: Mapping[str, Contract]) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Make the assets of inbox, batches and store of all contracts, and of the identity graph over them."""
    grouped = feeds(contracts).items()
    return [
        identities_asset(contracts.values()),
        *(inbox_asset(feed, group) for feed, group in grouped),
        *(batches_asset(feed, group) for feed, group in grouped),
        *(store_asset(contract) for contract in contracts.values()),
    ]


def waiting_files(declarations: Declarations, store: Store, feed: str) -> list[Path]:
    """Return the files of one feed, in the order of loading."""
    landed = landed_files(store.home.inbox, declarations.contracts)
    return [file.path for file in landed if file.feed == feed]


def materializations(
    declarations: Declarations, store: Store, results: Iterable[Ingested]
) -> Iterator[dg.AssetMaterialization]:
    """Yield what ingestion changed: one event per data set and event day, with its row count.

    Days that are no partition (older than the first) are stored all the same, and not shown.
    """
    touched: dict[str, set[date]] = defaultdict(set)
    for result in results:
        for count in result.counts:
            if count.outcome == "kept" and count.source in declarations.contracts:
                touched[count.source] |= result.days.get(count.source, frozenset())
    for source, days in sorted(touched.items()):
        if declarations.contracts[source].kind is Kind.ENTITY:
            rows = sum(part.rows for part in store.ledger.live_parts(source))
            yield dg.AssetMaterialization(store_key(source), metadata={"dagster/row_count": rows})
            continue
        for day, rows in store.ledger.live_days(source):
            if day in days and DAYS.has_partition_key(day.isoformat()):
                yield dg.AssetMaterialization(
                    store_key(source),
                    partition=day.isoformat(),
                    metadata={"dagster/partition_row_count": rows},
                )


def _compact(warehouse: Warehouse, contract: Contract, day: date) -> None:
    runtime = warehouse.runtime
    compact_day(
        runtime.store.home,
        ledger=runtime.store.ledger,
        engine=runtime.store.engine,
        source=contract.source,
        day=day,
        as_of=warehouse.now(),
    )


def _expired(
    context: dg.AssetExecutionContext, warehouse: Warehouse, contract: Contract, days: Sequence[date]
) -> dict[date, dict[str, str | int]]:
    """Return the metadata of those days whose rows were deleted; log which they are.

    A run that builds slices goes on: another data set may still have the day.

    Raises:
        dg.Failure: Nothing but such days was chosen.
    """
    runtime = warehouse.runtime
    lost = lost_days(runtime.store, contract.source)
    chosen = {day: lost[day] for day in days if day in lost and not lost[day].rows}
    if not chosen:
        return {}
    listed = ", ".join(f"{day} (evidence {expired.evidence})" for day, expired in sorted(chosen.items()))
    if len(chosen) == len(days) and context.job_name != MARTS_JOB:
        raise dg.Failure(
            description=f"{contract.source}: {listed} expired, and expired rows do not come back. Nothing "
            "was done. `wasms retention explain` says which rule applied.",
            allow_retries=False,
        )
    context.log.warning("%s: %s expired and stay empty.", contract.source, listed)
    entries = {entry.seq: entry for entry in evidence.entries(runtime.store.ledger)}
    return {day: expired.metadata(entries.get(expired.evidence)) for day, expired in chosen.items()}


def _chosen_days(context: dg.AssetExecutionContext, contract: Contract) -> tuple[date, date]:
    days = selected_days(context)
    if days is None:
        raise dg.Failure(
            description=f"{contract.source} is kept by day: choose a partition.", allow_retries=False
        )
    return days


def _metadata(results: Sequence[Ingested]) -> dict[str, dg.MetadataValue | int]:
    outcomes: Counter[str] = Counter()
    notes: Counter[str] = Counter()
    for result in results:
        for count in result.counts:
            outcomes[" ".join(filter(None, (count.source, count.outcome, count.reason)))] += count.rows
        notes.update({f"{source} rows with undeclared columns": n for source, n in result.unknown.items()})
        notes.update({f"{column} values masked": n for column, n in result.masked.items()})
    return {
        "files": len(results),
        "rows_read": sum(result.rows_read for result in results),
        "outcomes": dg.MetadataValue.json(dict(sorted((outcomes + notes).items()))),
    }


def _column_schema(contract: Contract) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name, type=column.type, description=column.description, tags={column.category: ""}
            )
            for column in stored_columns(contract)
        ]
    )


def _owners(contracts: Iterable[Contract]) -> list[str]:
    return sorted({team(contract.owner) for contract in contracts})


def _priority(feed: str, contract: Contract) -> int:
    if feed in LOAD_FIRST:
        return 10 + len(LOAD_FIRST) - LOAD_FIRST.index(feed)
    return 5 if contract.kind is Kind.ENTITY else 0
