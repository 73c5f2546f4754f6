"""Make the assets that contracts declare: inbox, batches and store. The work is done elsewhere."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import dagster as dg

from pipelines.codegen.stored_columns import stored_columns
from pipelines.declarations.contract import Contract, Kind
from pipelines.orchestration.checks import (
    LONGEST_SILENCE,
    key_of,
    report_looks,
    taken_in_result,
    taken_in_spec,
)
from pipelines.orchestration.keys import (
    IDENTITIES,
    INBOX_POOL,
    RETRIES,
    STRAY_FILES,
    batches_key,
    days_from,
    inbox_key,
    store_key,
    team,
    values_stay_inside,
)
from pipelines.orchestration.reported import batch_changes, outcomes_of, store_changes
from pipelines.orchestration.resources import Warehouse
from pipelines.sources.inbox import feeds, landed_files
from warehouse.errors import WarehouseError


def contract_assets(
    contracts: Mapping[str, Contract], *, first_days: Mapping[str, date], clock: date | None
) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Make the assets of inbox, batches and store of all contracts, and of the identity graph over them.

    Args:
        first_days: Data set → the first day that has rows; a data set without any begins today.
        clock: The day at which the clock stands still; None = it goes on.
    """
    grouped = feeds(contracts)
    today = clock or datetime.now(UTC).date()
    return [
        dg.AssetSpec(
            key=STRAY_FILES,
            group_name="inbox",
            owners=[team("platform")],
            description="Files in `data/inbox/` that lie in no feed's folder: nobody reads them, nothing "
            "deletes them. Move them to a feed's folder, or remove them.",
            kinds={"file"},
            tags={"zone": "inbox"},
        ),
        *(_inbox(feed, group) for feed, group in grouped.items()),
        _batches(grouped),
        *(_store(each, first_days.get(each.source, today), clock) for each in contracts.values()),
        _identities(contracts.values()),
    ]


def _inbox(feed: str, contracts: Sequence[Contract]) -> dg.AssetSpec:
    """Make the asset of a feed's inbox directory; others fill it, so Dagster only shows it.

    The store depends on it, not on the batches: a day is not out of step because files of other days came
    later.
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


def _identities(contracts: Iterable[Contract]) -> dg.AssetSpec:
    """Make the asset of the identity graph; it is made for each session, so Dagster only shows it."""
    linking = [contract for contract in contracts if contract.same_person]
    return dg.AssetSpec(
        key=IDENTITIES,
        deps=[store_key(contract.source) for contract in linking],
        group_name="identity",
        owners=_owners(linking),
        description="Which numbers and user ids are one contact's, by the rows that name two of them. "
        "Facts are counted by contact.",
        tags={"zone": "store"},
    )


def _store(contract: Contract, first: date, clock: date | None) -> dg.AssetSpec:
    """Make the asset of a contract's stored rows: by event day, or the latest state of an entity.

    Rows come by ingestion, which marks the days that got some; so Dagster only shows it.
    """
    events = contract.kind is Kind.EVENT
    return dg.AssetSpec(
        key=store_key(contract.source),
        deps=[inbox_key(contract.feed)],
        partitions_def=days_from(first, clock) if events else None,
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=LONGEST_SILENCE[contract.kind]),
        group_name=contract.provider,
        owners=[team(contract.owner)],
        description=f"{contract.description} Pseudonymous and encrypted; "
        + ("expires by day." if events else "the latest state only."),
        kinds={"parquet"},
        tags={"zone": "store", "policy": contract.policy.value, "subject": contract.subject.value},
        metadata={
            "dagster/column_schema": dg.TableSchema(
                columns=[
                    dg.TableColumn(
                        column.name,
                        type=column.type,
                        description=column.description,
                        tags={column.category: ""},
                    )
                    for column in stored_columns(contract)
                ]
            ),
            "dagster/table_name": f"store.{contract.source}",
            "contract": f"pipelines/contracts/{contract.source}.yml",
            "lateness_days": contract.lateness_days,
        },
    )


def _batches(grouped: Mapping[str, Sequence[Contract]]) -> dg.AssetsDefinition:
    """Make the assets of all feeds' batches, one step; to materialize some is to load the files that wait.

    Keyed by arrival, so they have no partitions: each event day that got rows is logged as a materialization
    of the store assets.
    """
    specs = [
        dg.AssetSpec(
            key=batches_key(feed),
            deps=[inbox_key(feed)],
            group_name=contracts[0].provider,
            owners=_owners(contracts),
            description=f"Batches in the ledger, one per file of `{feed}`. Materializing takes in what "
            "waits; a file is removed once all its rows are accounted for.",
            kinds={"sqlite"},
            tags={"zone": "inbox"},
        )
        for feed, contracts in grouped.items()
    ]

    @dg.multi_asset(
        name="take_in",
        description="Takes in the files that wait, in the order of their arrival.",
        specs=specs,
        check_specs=[taken_in_spec(feed) for feed in grouped],
        can_subset=True,
        pool=INBOX_POOL,
        retry_policy=RETRIES,
    )
    def _take_in(
        context: dg.AssetExecutionContext, warehouse: Warehouse
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        chosen = [feed for feed in grouped if batches_key(feed) in context.selected_asset_keys]
        with values_stay_inside():
            for event in batch_changes(context.instance, warehouse.runtime.store):
                context.log_event(event)  # of command lines, before what this run adds
            taken = take_in(warehouse, chosen)
            results = [taken_in_result(warehouse, feed, taken.problems.get(feed, ())) for feed in chosen]
            loaded = [c for feed in chosen for c in grouped[feed] if taken.files[feed]]
            report_looks(context.instance, warehouse, loaded)
            for event in store_changes(context.instance, *warehouse.runtime):
                context.log_event(event)
        for feed in chosen:
            yield dg.MaterializeResult(asset_key=batches_key(feed), metadata=taken.metadata(feed))
        yield from (each for each in results if key_of(each) in context.selected_asset_check_keys)
        taken.raise_problems()

    return _take_in


@dataclass(slots=True)
class TakenIn:
    """What became of the files of some feeds.

    Attributes:
        files: Feed → how many were loaded.
        counts: Feed → rows by outcome, and notes.
        problems: Feed → why files of it were not loaded.
    """

    files: Counter[str] = field(default_factory=Counter)
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    problems: dict[str, list[str]] = field(default_factory=dict)

    def metadata(self, feed: str) -> dict[str, dg.MetadataValue | int]:
        """Return what the UI shows of a feed."""
        outcomes = self.counts.get(feed, Counter())
        return {"files": self.files[feed], "outcomes": dg.MetadataValue.json(dict(sorted(outcomes.items())))}

    def raise_problems(self) -> None:
        """Fail where a file was not loaded, so that the run is red.

        Raises:
            dg.Failure: Says why, without a value.
        """
        listed = [problem for problems in self.problems.values() for problem in problems]
        if listed:
            whole = len(listed) + self.files.total()
            raise dg.Failure(
                description=f"{len(listed)} of {whole} file(s) stay in the inbox. "
                + "\n".join(sorted(set(listed))),
                allow_retries=False,
            )


def take_in(warehouse: Warehouse, chosen: Collection[str]) -> TakenIn:
    """Load the files of some feeds that wait; one bad file does not hold up the others."""
    from anonymizers.errors import AnonymizerError
    from pipelines.declarations.errors import PipelineError
    from pipelines.ingestion.ingest import ingest_file
    from pipelines.ingestion.options import Options

    declarations, store = warehouse.runtime
    contracts = feeds(declarations.contracts)
    taken = TakenIn()
    for landed in landed_files(store.home.inbox, declarations.contracts):
        if landed.feed not in chosen:
            continue
        try:
            result = ingest_file(
                declarations,
                store,
                landed.path,
                contracts=contracts[landed.feed],
                options=Options(as_of=warehouse.now()),
            )
        except FileNotFoundError:
            continue  # taken by a command line meanwhile
        except (PipelineError, AnonymizerError, WarehouseError) as error:
            taken.problems.setdefault(landed.feed, []).append(str(error))
            continue
        taken.files[landed.feed] += 1
        counts = taken.counts.setdefault(landed.feed, Counter())
        counts.update(outcomes_of(result.counts))
        counts.update({f"{source} rows with undeclared columns": n for source, n in result.unknown.items()})
        counts.update({f"{column} values masked": n for column, n in result.masked.items()})
    return taken


def _owners(contracts: Iterable[Contract]) -> list[str]:
    return sorted({team(contract.owner) for contract in contracts})
