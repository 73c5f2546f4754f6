"""Make dbt's models assets: lineage from the manifest, built by `pipelines.marts.build` in this process.

Two steps, so that the threshold check of the cubes stands between them and the marts: the restricted
views with the cubes made from them, by send day; then the marts over all cubes.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, dbt_assets

from pipelines.declarations.calendar import last_closed_day
from pipelines.declarations.contract import lateness_days
from pipelines.declarations.declarations import Declarations
from pipelines.declarations.errors import PipelineError
from pipelines.marts.build import build, build_marts
from pipelines.marts.chunks import EMPTY_DAY
from pipelines.marts.dbt_runs import MANIFEST, MartsError
from pipelines.orchestration.keys import (
    DAYS,
    RETRIES,
    WRITER_POOL,
    days_between,
    selected_days,
    team,
    values_stay_inside,
)
from pipelines.orchestration.resources import Warehouse
from pipelines.run import unbuilt_slices
from warehouse.home import Home
from warehouse.store.connection import identifier
from warehouse.store.session import open_session
from warehouse.store.store import Store

Manifest = Mapping[str, Any]

_Result = dg.MaterializeResult[None] | dg.AssetCheckResult

# The day a row of a cube belongs to; every cube has it.
SLICE_COLUMN = "send_date"
_MARTS = "fqn:wasms.marts"
_BUILT = frozenset({"success", "pass", "warn"})


class MissingManifestError(PipelineError):
    """dbt's manifest has not been written yet."""

    def __init__(self) -> None:
        super().__init__(
            "The dbt project has not been parsed for this warehouse. `wasms dev` does it and opens the UI."
        )


class Translator(DagsterDbtTranslator):
    """Names and descriptions of dbt nodes in Dagster."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Return `[schema, name]`; of a source `[source, name]`: those of `store` are contracts' assets."""
        if dbt_resource_props["resource_type"] == "source":
            return dg.AssetKey([str(dbt_resource_props["source_name"]), str(dbt_resource_props["name"])])
        return dg.AssetKey([str(dbt_resource_props["schema"]), str(dbt_resource_props["name"])])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """Return the schema."""
        return str(dbt_resource_props["schema"])

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """Return the description of the YAML file, without the SQL."""
        return str(dbt_resource_props["description"])

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str] | None:
        """Return the owner of the dbt group."""
        group = dbt_resource_props.get("group")
        owner = group.get("owner", {}).get("name") if isinstance(group, Mapping) else None
        return [team(owner)] if owner else None

    def get_tags(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, str]:
        """Return the zone, as for all other assets."""
        return {"zone": str(dbt_resource_props["schema"])}

    def get_partitions_def(
        self, dbt_resource_props: Mapping[str, Any]
    ) -> dg.PartitionsDefinition[str] | None:
        """Return the send day for cubes of days; views, marts and cubes of months have no partitions."""
        return DAYS if is_daily(dbt_resource_props) else None

    def get_partition_mapping(
        self, dbt_resource_props: Mapping[str, Any], dbt_parent_resource_props: Mapping[str, Any]
    ) -> dg.PartitionMapping | None:
        """Map a slice to the same slice of the cubes it is made from; all else needs what there is."""
        if is_daily(dbt_resource_props) and is_daily(dbt_parent_resource_props):
            return dg.TimeWindowPartitionMapping()
        return None


def is_cube(node: Mapping[str, Any]) -> bool:
    """Return whether a node is a cube, built in slices."""
    return bool(node.get("config", {}).get("materialized") == "incremental")


def is_daily(node: Mapping[str, Any]) -> bool:
    """Return whether a node is a cube built in daily slices."""
    return is_cube(node) and "daily" in node["config"]["tags"]


def is_slice(node: Mapping[str, Any]) -> bool:
    """Return whether a node holds rows of a slice in memory while it is built: nothing that lasts."""
    return bool(node.get("schema") == "slices")


def load_manifest(home: Home) -> Manifest:
    """Load dbt's manifest, as `pipelines.marts.dbt_runs.parse` wrote it.

    Raises:
        MissingManifestError: It did not.
    """
    path = home.dbt_target / MANIFEST
    if not path.is_file():
        raise MissingManifestError
    manifest: Manifest = json.loads(path.read_text("utf-8"))
    return manifest


def tables(manifest: Manifest, *, schema: str, column: str | None = None) -> list[dg.AssetKey]:
    """Return the keys of the models of a schema, sorted; only those with a column, where one is named."""
    return sorted(
        Translator().get_asset_key(node)
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        and node["schema"] == schema
        and (column is None or column in node["columns"])
    )


def marts_assets(manifest: Manifest) -> list[dg.AssetsDefinition]:
    """Make assets of all models and seeds, in two steps; their tests are asset checks."""
    make = partial(
        dbt_assets,
        manifest=manifest,
        dagster_dbt_translator=Translator(),
        backfill_policy=dg.BackfillPolicy.single_run(),
        retry_policy=RETRIES,
        pool=WRITER_POOL,
    )

    @make(name="build_slices", select="fqn:*", exclude=f"{_MARTS} resource_type:unit_test")
    def _slices(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[_Result]:
        yield from _build(context, warehouse, manifest)

    @make(name="build_marts", select=_MARTS, exclude="resource_type:unit_test")
    def _marts(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[_Result]:
        yield from _build(context, warehouse, manifest)

    return [_slices, _marts]


def _build(context: dg.AssetExecutionContext, warehouse: Warehouse, manifest: Manifest) -> Iterator[_Result]:
    """Build the selected nodes for the selected days; report what was built even where something failed."""
    nodes = {key: n for key, n in _nodes(manifest).items() if key in context.selected_asset_keys}
    checks = sorted(context.selected_asset_check_keys, key=str)
    days = _closed_days(context, warehouse, nodes)
    with values_stay_inside():
        names = {str(node["name"]) for node in nodes.values()} | {check.name for check in checks}
        outcomes, problem = _outcomes(*warehouse.runtime, names, days)
        if problem is None and days and set(tables(manifest, schema="cubes")) <= set(nodes):
            _note_slices(warehouse, *days)
        key_of = {str(node["name"]): key for key, node in nodes.items()}
        # In dbt's order, parents first: Dagster insists on it.
        built = {
            key_of[name]: nodes[key_of[name]]
            for name, outcome in outcomes.items()
            if name in key_of and outcome in _BUILT
        }
        rows = _rows(warehouse.runtime.store, built, days)
    for key, node in built.items():
        counts = rows.get(key, {})
        if is_daily(node):
            _add_rows_by_day(context, key, counts)
        total = {"dagster/row_count": sum(counts.values())} if counts and not is_daily(node) else {}
        yield dg.MaterializeResult(asset_key=key, metadata=total, data_version=_version(node))
    for check in checks:
        if (outcome := outcomes.get(check.name, "skipped")) != "skipped":
            passed = outcome in _BUILT
            yield dg.AssetCheckResult(asset_key=check.asset_key, check_name=check.name, passed=passed)
    if problem is not None:
        raise dg.Failure(description=problem, allow_retries=False)


def _outcomes(
    declarations: Declarations, store: Store, names: Collection[str], days: tuple[date, date] | None
) -> tuple[Mapping[str, str], str | None]:
    """Build, and return the status of each node by name, and what went wrong, if anything did."""
    chosen = " ".join(sorted(names))
    try:
        if days is None:
            summary = build_marts(store, select=chosen)
        else:
            # Whichever cubes are chosen: what they count lies in this process's memory, and is made for them.
            first, last = days
            summary = build(
                declarations, store, from_day=first, to_day=last, select=f"{chosen} fqn:wasms.slices"
            )
    except MartsError as error:
        return error.outcomes, str(error)
    return summary.outcomes, None


def _version(node: Mapping[str, Any]) -> dg.DataVersion | None:
    # A view is its text: made again, it is still the same, and no slice is out of step with it.
    return dg.DataVersion(node["checksum"]["checksum"][:16]) if _is_view(node) else None


def _is_view(node: Mapping[str, Any]) -> bool:
    return bool(node["config"].get("materialized") == "view")


def _add_rows_by_day(context: dg.AssetExecutionContext, key: dg.AssetKey, rows: Mapping[date, int]) -> None:
    for day, count in rows.items():
        context.add_asset_metadata(
            {"dagster/partition_row_count": count}, asset_key=key, partition_key=day.isoformat()
        )


def _nodes(manifest: Manifest) -> dict[dg.AssetKey, Mapping[str, Any]]:
    return {
        Translator().get_asset_key(node): node
        for node in manifest["nodes"].values()
        if node["resource_type"] in ("model", "seed")
    }


def _closed_days(
    context: dg.AssetExecutionContext, warehouse: Warehouse, nodes: Mapping[dg.AssetKey, Mapping[str, Any]]
) -> tuple[date, date] | None:
    """Return the days to build; None where no cube is to be built."""
    if not any(is_cube(node) for node in nodes.values()):
        return None
    days = selected_days(context)
    if days is None:
        raise dg.Failure(description="Cubes are built by day: choose partitions.", allow_retries=False)
    lateness = lateness_days(warehouse.runtime.declarations.contracts)
    closed = last_closed_day(warehouse.now(), lateness_days=lateness)
    if days[1] > closed:
        raise dg.Failure(
            description=f"{days[1]} has not closed: events of that day may still arrive. "
            f"The last closed day is {closed}; nothing was built.",
            allow_retries=False,
        )
    return days


def _note_slices(warehouse: Warehouse, first: date, last: date) -> None:
    """Record how far the cubes go, if no slice before was left out."""
    waiting = unbuilt_slices(*warehouse.runtime, as_of=warehouse.now())
    if waiting and first <= waiting[0][0] <= last:
        warehouse.runtime.store.ledger.set_built_until(last)


def _rows(
    store: Store, built: Mapping[dg.AssetKey, Mapping[str, Any]], days: tuple[date, date] | None
) -> dict[dg.AssetKey, dict[date, int]]:
    """Count the rows of each table built, by day; one without days has them under `EMPTY_DAY`.

    Views are not counted: that would read the store. What was held in memory is gone.
    """
    wanted = {key: node for key, node in built.items() if not _is_view(node) and not is_slice(node)}
    if not wanted:
        return {}
    rows = {}
    with open_session(store.home, schemas={}, read_only=True) as connection:
        for key, node in wanted.items():
            table = ".".join(identifier(part) for part in ("warehouse", *key.path))
            day = SLICE_COLUMN if is_daily(node) else f"date '{EMPTY_DAY}'"
            counted = dict(connection.execute(f"select {day}, count(*) from {table} group by 1").fetchall())
            listed = days_between(*days) if days and is_daily(node) else [EMPTY_DAY]
            rows[key] = {each: int(counted.get(each, 0)) for each in listed}
    return rows
