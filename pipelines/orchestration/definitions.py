"""Define everything that Dagster shows and runs, from contracts and manifest, by one function."""

import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from pipelines.declarations.calendar import days_of_partition
from pipelines.declarations.contract import Contract, load_contracts
from pipelines.marts.frozen import slice_sources
from pipelines.orchestration.assets import contract_assets
from pipelines.orchestration.catch_up import catch_up_job
from pipelines.orchestration.checks import store_checks
from pipelines.orchestration.dbt_assets import Manifest, dbt_assets, load_manifest, tables
from pipelines.orchestration.keys import days_from, months_from
from pipelines.orchestration.published_asset import portal_asset, published_asset
from pipelines.orchestration.resources import Warehouse
from pipelines.orchestration.retention_assets import months_asset, retention_asset
from pipelines.orchestration.schedules import asset_jobs, retention_schedule, sensors
from pipelines.settings import as_of_from_environment, home_from_environment
from pipelines.sources.inbox import feeds
from warehouse.home import Home
from warehouse.ledger.ledger import Ledger


def build_definitions(
    *,
    warehouse: Warehouse | None = None,
    contracts: Mapping[str, Contract] | None = None,
    manifest: Manifest | None = None,
) -> dg.Definitions:
    """Put assets, checks, jobs, schedules and sensors together.

    Partitions begin where the ledger says that data does; another first day needs the definitions reloaded.

    Args:
        warehouse: In place of the one that the environment names.
        contracts: In place of all; those of a feed belong together.
        manifest: In place of dbt's manifest of the warehouse, or a part of it.

    Raises:
        ContractError: A contract does not load.
        MissingManifestError: dbt's manifest is not there; `pipelines.marts.dbt_runs.parse` writes it.
    """
    warehouse = warehouse or Warehouse(home=str(home_from_environment().root), as_of=as_of_from_environment())
    home = Home(Path(warehouse.home))
    contracts = load_contracts() if contracts is None else contracts
    manifest = load_manifest(home) if manifest is None else manifest

    first_days = Ledger(home.ledger_path).first_days() if home.ledger_path.exists() else {}
    clock = warehouse.now().date() if warehouse.as_of else None
    logs = [day for source, day in first_days.items() if source in slice_sources(contracts)]
    first = min(days_of_partition(min(logs, default=clock or datetime.now(UTC).date())))
    cubes, marts = (tables(manifest, schema=schema) for schema in ("cubes", "marts"))
    jobs = asset_jobs(feeds(contracts))
    return dg.Definitions(
        assets=[
            *contract_assets(contracts, first_days=first_days, clock=clock),
            *dbt_assets(manifest, days=days_from(first, clock), months=months_from(first, clock)),
            published_asset([*cubes, *marts]),
            portal_asset(),
            months_asset(),
            retention_asset(),
        ],
        asset_checks=[store_checks(contracts)],
        jobs=[*jobs, catch_up_job],
        schedules=[retention_schedule(jobs)],
        sensors=sensors(jobs),
        resources={"warehouse": warehouse},
        # One process per run: a process per step takes longer to start than most steps take to run.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Return what `dagster dev -m pipelines.orchestration.definitions` loads; importing this does nothing."""
    # Backfill policies have been beta since 2023: not news at every start.
    warnings.simplefilter("ignore", dg.BetaWarning)
    return build_definitions()
