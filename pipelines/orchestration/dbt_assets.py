"""Make dbt's models assets: lineage from the manifest, built by `pipelines.marts.build` in this process.

Cubes are built in two steps: those of days by send day, those of months by month. Views have no step: a
build makes them where the project changed, and they follow what they read. What a build
holds in memory is no asset.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg

from pipelines.declarations.calendar import last_closed_day, month_end
from pipelines.declarations.contract import lateness_days
from pipelines.declarations.errors import PipelineError
from pipelines.orchestration.checks import report_looks
from pipelines.orchestration.keys import (
    NIGHTLY,
    RETRIES,
    WRITER_POOL,
    selected_periods,
    team,
    values_stay_inside,
)
from pipelines.orchestration.reported import slice_rows
from pipelines.orchestration.resources import Warehouse
from warehouse.home import Home

Manifest = Mapping[str, Any]
Node = Mapping[str, Any]

_Result = dg.MaterializeResult[None] | dg.AssetCheckResult

MANIFEST = "manifest.json"
HAS_ROWS = "has_rows"
# Tags of cubes: what a slice is.
DAILY, MONTHLY = "daily", "monthly"
_BUILT = frozenset({"success", "pass", "warn"})


class MissingManifestError(PipelineError):
    """dbt's manifest has not been written yet."""

    def __init__(self) -> None:
        super().__init__(
            "The dbt project has not been parsed for this warehouse. `wasms dev` does it and opens the UI."
        )


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


def key_of(node: Node) -> dg.AssetKey:
    """Return `[schema, name]`; of a source `[source, name]`: those of `store` are contracts' assets."""
    first = node["source_name"] if node["resource_type"] == "source" else node["schema"]
    return dg.AssetKey([str(first), str(node["name"])])


def tables(manifest: Manifest, *, schema: str) -> list[dg.AssetKey]:
    """Return the keys of the models of a schema, sorted."""
    return sorted(key_of(node) for node in _models(manifest) if node["schema"] == schema)


def dbt_assets(
    manifest: Manifest, *, days: dg.PartitionsDefinition[str], months: dg.PartitionsDefinition[str]
) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Make the assets of all models and seeds that last: views, cubes of days, cubes of months."""
    cubes = [node for node in _models(manifest) if node["schema"] == "cubes"]
    daily = [node for node in cubes if DAILY in node["config"]["tags"]]
    monthly = [node for node in cubes if MONTHLY in node["config"]["tags"]]
    views = [node for node in _models(manifest) if node["schema"] not in ("cubes", "slices")]
    return [
        *(_spec(manifest, node) for node in views),
        _cubes(
            "build_days",
            "Looks whether the store is sound, then builds the chosen days of all cubes of days.",
            manifest,
            daily,
            days,
            build=_build_days,
            last_day=lambda day: day,
            freshness=NIGHTLY,
        ),
        _cubes(
            "build_months",
            "Builds the chosen months of all cubes of months.",
            manifest,
            monthly,
            months,
            build=_build_months,
            last_day=month_end,
        ),
    ]


def _cubes(
    name: str,
    description: str,
    manifest: Manifest,
    nodes: Sequence[Node],
    partitions: dg.PartitionsDefinition[str],
    *,
    build: Callable[[Warehouse, Sequence[date]], Mapping[str, str]],
    last_day: Callable[[date], date],
    freshness: dg.FreshnessPolicy | None = None,
) -> dg.AssetsDefinition:
    """Make the assets of cubes that are built together, with dbt's tests of them as checks."""
    tests = {
        dg.AssetCheckKey(key_of(node), str(test["test_metadata"]["name"])): str(test["name"])
        for node in nodes
        for test in _tests(manifest, node)
    }

    @dg.multi_asset(
        name=name,
        description=description,
        specs=[_spec(manifest, node, partitions, freshness) for node in nodes],
        check_specs=[spec for node in nodes for spec in _check_specs(manifest, node)],
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=WRITER_POOL,
        retry_policy=RETRIES,
    )
    def _built(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[_Result]:
        from pipelines.marts.dbt_runs import MartsError

        periods, problem = selected_periods(context), None
        with values_stay_inside():
            _refuse_open(warehouse, last_day(periods[-1]))
            refuse_unsound(context.instance, warehouse)
            try:
                outcomes = build(warehouse, periods)
            except MartsError as error:
                outcomes, problem = error.outcomes, str(error)
            rows = slice_rows(warehouse.runtime.store)
        built = [node for node in nodes if problem is None or outcomes.get(str(node["name"])) in _BUILT]
        for node in built:
            counted = {period: rows.get((str(node["name"]), period), 0) for period in periods}
            yield from _of_cube(context, node, counted)
        for key, test in tests.items():
            if problem is None or test in outcomes:
                passed = problem is None or outcomes[test] in _BUILT
                yield dg.AssetCheckResult(asset_key=key.asset_key, check_name=key.name, passed=passed)
        if problem is not None:
            raise dg.Failure(description=problem, allow_retries=False)

    return _built


def _of_cube(context: dg.AssetExecutionContext, node: Node, counted: Mapping[date, int]) -> Iterator[_Result]:
    """Yield what was made of one cube, and whether each period has rows."""
    key, empty = key_of(node), [str(period) for period, rows in counted.items() if not rows]
    for period, rows in counted.items():
        context.add_asset_metadata(
            {"dagster/partition_row_count": rows}, asset_key=key, partition_key=period.isoformat()
        )
    yield dg.MaterializeResult(asset_key=key)
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name=HAS_ROWS,
        passed=not empty,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"without_rows": empty},
    )


def _build_days(warehouse: Warehouse, days: Sequence[date]) -> Mapping[str, str]:
    """Build days; record how far the cubes go, if no day before was left out."""
    from pipelines.marts.build import build
    from pipelines.run import note_built_days, unbuilt_slices

    runtime = warehouse.runtime
    waiting = unbuilt_slices(*runtime, as_of=warehouse.now())
    summary = build(*runtime, from_day=days[0], to_day=days[-1], has_months=False)
    if waiting and days[0] <= waiting[0][0] <= days[-1]:
        note_built_days(runtime.store, waiting[0][0], days[-1])
    return summary.outcomes


def _build_months(warehouse: Warehouse, months: Sequence[date]) -> Mapping[str, str]:
    from pipelines.run import build_months

    return build_months(warehouse.runtime.store, months)


def _refuse_open(warehouse: Warehouse, last: date) -> None:
    """Refuse a day that has not closed.

    Raises:
        dg.Failure: It has not.
    """
    lateness = lateness_days(warehouse.runtime.declarations.contracts)
    closed = last_closed_day(warehouse.now(), lateness_days=lateness)
    if last > closed:
        raise dg.Failure(
            description=f"{last} has not closed: events of that day may still arrive. "
            f"The last closed day is {closed}; nothing was built.",
            allow_retries=False,
        )


def refuse_unsound(instance: dg.DagsterInstance, warehouse: Warehouse) -> None:
    """Refuse to build from a store with which something is wrong; report the checks that say what.

    Raises:
        dg.Failure: Something is; names the checks.
    """
    red = report_looks(instance, warehouse, warehouse.runtime.declarations.contracts.values())
    if red:
        named = ", ".join(f"{key.asset_key.path[-1]} {key.name}" for key in red)
        raise dg.Failure(
            description=f"Nothing was built: the store is not sound. Red: {named}. docs/operators.md says "
            "what each means. Where rows are past their window, launch the job `catch_up`.",
            allow_retries=False,
        )


def _models(manifest: Manifest) -> list[Node]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] in ("model", "seed")]


def _tests(manifest: Manifest, node: Node) -> list[Node]:
    """Return dbt's tests of one model alone."""
    children = (manifest["nodes"].get(child) for child in manifest["child_map"][node["unique_id"]])
    return [
        c
        for c in children
        if c and c["resource_type"] == "test" and c.get("attached_node") == node["unique_id"]
    ]


def _check_specs(manifest: Manifest, node: Node) -> Iterator[dg.AssetCheckSpec]:
    yield dg.AssetCheckSpec(
        HAS_ROWS,
        asset=key_of(node),
        description="Every period that was built has rows. A warning, not a fault.",
    )
    for test in _tests(manifest, node):
        metadata = test["test_metadata"]
        columns = ", ".join(metadata["kwargs"].get("columns", ()))
        yield dg.AssetCheckSpec(
            str(metadata["name"]),
            asset=key_of(node),
            description=f"dbt's test `{metadata['name']}`" + (f" of {columns}." if columns else "."),
        )


def _spec(
    manifest: Manifest,
    node: Node,
    partitions: dg.PartitionsDefinition[str] | None = None,
    freshness: dg.FreshnessPolicy | None = None,
) -> dg.AssetSpec:
    schema, group = str(node["schema"]), manifest["groups"].get(f"group.wasms.{node.get('group')}")
    parents = _parents(manifest, node)
    columns = [
        dg.TableColumn(name, type=column["data_type"] or "", description=column["description"])
        for name, column in node["columns"].items()
    ]
    return dg.AssetSpec(
        key=key_of(node),
        deps=sorted({key_of(parent) for parent in parents}),
        partitions_def=partitions,
        freshness_policy=freshness,
        group_name=schema,
        owners=[team(group["owner"]["name"])] if group else [team("platform")],
        description=str(node["description"]),
        kinds={"dbt", "duckdb"},
        tags={"zone": schema} | {tag: "" for tag in (DAILY, MONTHLY) if tag in node["config"]["tags"]},
        metadata={
            "dagster/column_schema": dg.TableSchema(columns=columns),
            "dagster/column_lineage": dg.TableColumnLineage(_lineage(node, parents)),
            "dagster/table_name": ".".join(key_of(node).path),
        },
    )


def _parents(manifest: Manifest, node: Node) -> list[Node]:
    """Return what a model reads; in place of what is held in memory, what that reads."""
    found: dict[str, Node] = {}
    waiting = list(manifest["parent_map"][node["unique_id"]])
    while waiting:
        name = waiting.pop()
        parent = manifest["nodes"].get(name) or manifest["sources"].get(name)
        if parent is None or name in found:
            continue
        if parent.get("schema") == "slices":
            waiting += manifest["parent_map"][name]
        else:
            found[name] = parent
    return list(found.values())


def _lineage(node: Node, parents: Iterable[Node]) -> dict[str, list[dg.TableColumnDep]]:
    """Return column → the columns of its name in what the model reads: a name means one thing everywhere."""
    return {
        name: deps
        for name in node["columns"]
        if (
            deps := [
                dg.TableColumnDep(asset_key=key_of(parent), column_name=name)
                for parent in parents
                if parent["resource_type"] == "source" or name in parent["columns"]
            ]
        )
    }
