"""Define everything that Dagster shows and runs, from contracts and manifest, by one function."""

import warnings
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from pipelines.declarations.contract import Contract, load_contracts
from pipelines.orchestration.assets import close_job, contract_assets
from pipelines.orchestration.checks import CONTACTS_COLUMN, slices_check, store_checks, threshold_checks
from pipelines.orchestration.dbt_assets import Manifest, load_manifest, marts_assets, tables
from pipelines.orchestration.published_asset import published_asset
from pipelines.orchestration.resources import Warehouse
from pipelines.orchestration.retention_assets import months_asset, retention_asset
from pipelines.orchestration.retention_checks import (
    account_end_check,
    in_time_checks,
    retention_alarm,
    verified_check,
    window_checks,
)
from pipelines.orchestration.schedules import asset_jobs, schedules, sensors
from pipelines.settings import as_of_from_environment, home_from_environment
from pipelines.sources.inbox import feeds
from warehouse.home import Home


def build_definitions(
    *,
    warehouse: Warehouse | None = None,
    contracts: Mapping[str, Contract] | None = None,
    manifest: Manifest | None = None,
) -> dg.Definitions:
    """Put assets, checks, jobs, schedules and sensors together.

    Args:
        warehouse: In place of the one that the environment names.
        contracts: In place of all; those of a feed belong together.
        manifest: In place of dbt's manifest of the warehouse, or a part of it.

    Raises:
        ContractError: A contract does not load.
        MissingManifestError: dbt's manifest is not there; `pipelines.marts.dbt_runs.parse` writes it.
    """
    warehouse = warehouse or Warehouse(home=str(home_from_environment().root), as_of=as_of_from_environment())
    contracts = load_contracts() if contracts is None else contracts
    manifest = load_manifest(Home(Path(warehouse.home))) if manifest is None else manifest

    cubes, marts = (tables(manifest, schema=schema) for schema in ("cubes", "marts"))
    built = marts_assets(manifest)
    thresholds = threshold_checks(
        key
        for schema in ("cubes", "marts")
        for key in tables(manifest, schema=schema, column=CONTACTS_COLUMN)
    )
    stored = [*store_checks(contracts), *window_checks(contracts)]
    proofs = [*stored, *in_time_checks(cubes), account_end_check(), verified_check()]
    jobs = asset_jobs(
        sources=contracts,
        feed_names=feeds(contracts),
        built=built,
        thresholds=thresholds,
        proofs=proofs,
        close=close_job,
    )
    return dg.Definitions(
        assets=[
            *contract_assets(contracts),
            *built,
            published_asset([*cubes, *marts]),
            months_asset(),
            retention_asset(),
        ],
        asset_checks=[*thresholds, *map(slices_check, cubes), *proofs],
        jobs=list(jobs),
        schedules=schedules(jobs),
        sensors=[*sensors(jobs), retention_alarm(cubes)],
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
