"""What Dagster shows: every contract has its assets, its checks and its way to the published marts."""

import subprocess
import sys
from datetime import date, datetime
from pathlib import Path

import dagster as dg
import pytest
import yaml

from pipelines.declarations.contract import Kind, load_contracts
from pipelines.declarations.errors import MixedFeedsError
from pipelines.marts.dbt_runs import parse
from pipelines.orchestration.definitions import build_definitions
from pipelines.orchestration.instance import write_instance_config
from pipelines.orchestration.keys import (
    EVIDENCE,
    INBOX_POOL,
    PUBLISHED,
    WRITER_POOL,
    batches_key,
    inbox_key,
    store_key,
    values_stay_inside,
)
from pipelines.orchestration.resources import Warehouse
from pipelines.orchestration.schedules import next_slices
from pipelines.sources.inbox import feeds
from warehouse.errors import LockedError
from warehouse.home import Home
from warehouse.ledger.batches import Commit
from warehouse.ledger.parts import Part
from warehouse.retention import records

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")

CONTRACTS = load_contracts()


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    home = Home(tmp_path_factory.mktemp("definitions")).create()
    parse(home)
    return build_definitions(warehouse=Warehouse(home=str(home.root), as_of="2026-05-01"))


def test_the_definitions_load(definitions):
    dg.Definitions.validate_loadable(definitions)


def test_every_contract_has_a_store_asset_with_its_checks_owner_and_schema(definitions):
    graph = definitions.resolve_asset_graph()

    for contract in CONTRACTS.values():
        node = graph.get(store_key(contract.source))
        checks = {key.name for key in graph.asset_check_keys if key.asset_key == node.key}
        schema = {column.name for column in node.metadata["dagster/column_schema"].columns}
        assert checks == {"contract", "reconciliation", "nothing_past_its_window"}
        assert node.owners == [f"team:{contract.owner}"]
        assert node.group_name == contract.provider
        assert schema >= {name for name, _ in contract.plan.stored_columns()}
        assert (node.partitions_def is not None) is (contract.kind is Kind.EVENT)


def test_every_inbox_is_upstream_of_its_store_assets_and_of_the_published_marts(definitions):
    graph = definitions.resolve_asset_graph()
    upstream = graph.get_ancestor_asset_keys(PUBLISHED)
    needed_by_marts = {c.feed for c in CONTRACTS.values() if store_key(c.source) in upstream}

    assert {
        "whatsapp",
        "twilio",
        "smpp",
        "app/messages",
        "app/campaigns",
        "app/link_clicks",
    } <= needed_by_marts
    for feed, contracts in feeds(CONTRACTS).items():
        stored = {store_key(contract.source) for contract in contracts}
        assert graph.get(inbox_key(feed)).child_keys == stored | {batches_key(feed)}
        assert (inbox_key(feed) in upstream) is (feed in needed_by_marts)


def test_every_store_asset_is_read_by_a_staging_model(definitions):
    graph = definitions.resolve_asset_graph()

    for source in CONTRACTS:
        assert dg.AssetKey(["staging", f"stg_{source}"]) in graph.get(store_key(source)).child_keys


def test_every_asset_says_what_it_is_who_owns_it_and_where_it_belongs(definitions):
    graph = definitions.resolve_asset_graph()

    for node in graph.asset_nodes:
        assert node.description, node.key
        assert node.group_name != "default", node.key
        assert node.owners, node.key


def test_every_check_says_what_it_looks_at(definitions):
    graph = definitions.resolve_asset_graph()

    assert [key for key in graph.asset_check_keys if not graph.get(key).description] == []


def test_what_is_expected_every_day_has_a_freshness_policy(definitions):
    graph = definitions.resolve_asset_graph()
    windows = {
        node.key: node.freshness_policy.fail_window.to_timedelta().total_seconds() / 3600
        for node in graph.asset_nodes
        if node.freshness_policy
    }

    events = [store_key(c.source) for c in CONTRACTS.values() if c.kind is Kind.EVENT]
    cubes = [key for key in graph.get_all_asset_keys() if key.path[0] == "cubes" and "daily" in key.path[1]]
    assert {windows[key] for key in events} == {48}
    assert {windows[key] for key in (*cubes, PUBLISHED, EVIDENCE)} == {36}


def test_columns_say_which_columns_they_come_from(definitions):
    graph = definitions.resolve_asset_graph()

    def origins(*path: str) -> dict[str, set[tuple[str, str]]]:
        lineage = graph.get(dg.AssetKey(path)).metadata["dagster/column_lineage"].deps_by_column
        return {c: {(d.asset_key.path[-1], d.column_name) for d in deps} for c, deps in lineage.items()}

    staged = origins("staging", "stg_whatsapp__statuses")
    assert staged["contact_token"] == {("whatsapp__statuses", "contact_token")}
    mart = origins("marts", "mart_campaign_daily")
    assert mart["send_date"] == {("cube_campaign_daily", "send_date")}


def test_a_job_plans_one_step_for_what_is_done_together(definitions):
    steps = {
        name: sorted(node.name for node in definitions.resolve_job_def(name).nodes)
        for name in ("ingest", "retention", "marts", "months", "publish", "catch_up")
    }

    assert steps == {
        "ingest": ["take_in"],
        "retention": ["delete_due"],
        "marts": ["build_days", "publish_copy"],
        "months": ["build_months", "publish_copy"],
        "publish": ["publish_copy"],
        "catch_up": ["all_that_is_due"],
    }


def test_definitions_load_without_dbt_and_presidio():
    """A run is a process of its own: what it does not need costs it seconds."""
    code = (
        "import sys, pipelines.orchestration.definitions\n"
        "heavy = {'dbt', 'dagster_dbt', 'presidio_analyzer', 'spacy', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


def test_partitions_begin_where_the_data_does_and_end_with_a_clock_that_stands(home):
    warehouse = Warehouse(home=str(home.root), as_of="2026-05-01")
    with_rows(warehouse, "2026-02-01")
    parse(home)
    graph = build_definitions(warehouse=warehouse).resolve_asset_graph()

    def ends(*path: str) -> list[str]:
        keys = graph.get(dg.AssetKey(path)).partitions_def.get_partition_keys()
        return [keys[0], keys[-1]]

    assert ends("store", "whatsapp__statuses") == ["2026-02-01", "2026-05-01"]
    assert ends("store", "smpp__receipts") == ["2026-05-01", "2026-05-01"]
    # West of UTC, the day before has begun.
    assert ends("cubes", "cube_campaign_daily") == ["2026-01-31", "2026-05-01"]
    assert ends("cubes", "cube_workspace_monthly") == ["2026-01-01", "2026-04-01"]


def test_all_that_writes_the_warehouse_shares_one_slot_and_ingestion_does_not(definitions):
    pools = {
        key: assets.op.pool
        for assets in definitions.resolve_asset_graph().assets_defs
        if assets.is_executable
        for key in assets.keys
    }

    assert {pool for key, pool in pools.items() if key.path[0] != "batches"} == {WRITER_POOL}
    assert {pool for key, pool in pools.items() if key.path[0] == "batches"} == {INBOX_POOL}


def test_everything_runs_unless_somebody_stops_it(definitions):
    repository = definitions.get_repository_def()
    automatic = [*repository.schedule_defs, *repository.sensor_defs]
    status = {each.name: each.default_status.value for each in automatic}

    assert status == dict.fromkeys(("inbox", "requests", "closed_days", "retention_daily"), "RUNNING")


def test_dagster_sends_nothing_home_and_keeps_everything_in_its_directory(home):
    config = yaml.safe_load(write_instance_config(home).read_text("utf-8"))

    assert not config["telemetry"]["enabled"]
    assert not config["nux"]["enabled"]
    assert config["concurrency"]["pools"] == {"granularity": "op", "default_limit": 1}
    for section in ("compute_logs", "local_artifact_storage"):
        assert Path(config[section]["config"]["base_dir"]).is_relative_to(home.dagster)
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        assert instance.telemetry_enabled is False


@pytest.mark.parametrize(
    ("raised", "message", "retried"),
    [
        (MixedFeedsError(["a", "b"]), "land in different places", False),
        (LockedError("warehouse.duckdb"), "another process", True),
        (ValueError("canary +4915550001"), "ValueError in", False),
        (OSError("canary is full"), "OSError in", True),
    ],
)
def test_no_error_leaves_with_a_value_or_its_cause(raised, message, retried):
    with pytest.raises(dg.Failure, match=message) as caught, values_stay_inside():
        raise raised

    assert "canary" not in caught.value.description
    assert caught.value.__suppress_context__
    assert caught.value.allow_retries is retried


def test_slices_are_built_from_the_first_day_that_waits_and_not_beyond_a_month(home):
    warehouse = Warehouse(home=str(home.root), as_of="2026-05-01")
    assert next_slices(warehouse) is None

    with_rows(warehouse, "2026-02-01")
    assert [str(day) for day in next_slices(warehouse)] == ["2026-01-31", "2026-03-02"]

    # In some time zone, a day before the partition's or after it had begun.
    warehouse.runtime.store.ledger.set_built_until(date(2026, 2, 2))
    assert next_slices(warehouse) is None

    with_rows(warehouse, "2026-04-20")
    assert [str(day) for day in next_slices(warehouse)] == ["2026-04-19", "2026-04-22"]

    with_rows(warehouse, "2026-04-30")
    assert [str(day) for day in next_slices(warehouse)] == ["2026-04-19", "2026-04-22"]


def test_slices_are_built_between_gaps(home):
    warehouse = Warehouse(home=str(home.root), as_of="2026-05-01")
    with_rows(warehouse, "2026-02-01")
    with warehouse.runtime.store.ledger.transaction() as connection:
        records.note_gaps(
            connection, [date(2026, 1, 31), date(2026, 2, 1), date(2026, 2, 9)], as_of=datetime(2026, 5, 1)
        )

    assert [str(day) for day in next_slices(warehouse)] == ["2026-02-02", "2026-02-08"]


def with_rows(warehouse: Warehouse, day: str) -> None:
    source = "whatsapp__statuses"
    part = Part(
        path=f"store/{source}/{day}",
        source=source,
        partition=f"event_date={day}/retention_days=90",
        key_name="k",
        rows=1,
        bytes=1,
        batch_id=day,
        event_date=date.fromisoformat(day),
        retention_days=90,
    )
    ledger = warehouse.runtime.store.ledger
    ledger.commit(Commit(batch_id=day, as_of=warehouse.now(), snapshot=ledger.generation(), added=[part]))
