"""From the store to the marts, through dbt: slices, grouping, what may and may not be in the files."""

import json
import re
import secrets
import shutil
from datetime import date, datetime, timedelta

import duckdb
import pyarrow as pa
import pytest

from pipelines.codegen.cubes import cube_sql
from pipelines.codegen.model_sql import ModelSql
from pipelines.declarations.cube import load_cubes
from pipelines.declarations.declarations import view_schema
from pipelines.ingestion.batch import entity_set
from pipelines.marts import build as marts
from pipelines.marts import dbt_runs
from pipelines.marts.build import build, build_marts
from pipelines.marts.chunks import EMPTY_DAY
from pipelines.marts.dbt_runs import MartsError, connection_closed_afterwards, parse
from pipelines.marts.release import release_and_publish
from pipelines.metrics.asked_days import ask_for_days_of
from pipelines.runtime import open_runtime
from pipelines.windows.completeness import store_tables
from tests.support.homes import copied, prepared
from warehouse.errors import KeyringError, StoreError, UnsoundMartsError
from warehouse.keys.keyring import Purpose
from warehouse.store.entities import EntityWriter
from warehouse.store.parts import EventSet, commit_batch, writing
from warehouse.store.session import leases, open_session, open_warehouse_file

FIRST = date(2026, 5, 10)
LAST = FIRST + timedelta(days=2)
AS_OF = datetime(2026, 6, 1)
WORKSPACES = ("bakery-7f3", "kiosk-9c1", "corner-2d8")
TOKEN = "5eed0c0ffee"  # all tokens of these tests begin like this


def token(kind, number):
    return f"{TOKEN}{kind:>05}{number:016}".replace(" ", "0")


class Store:
    """Writes anonymized rows straight into the store of a home."""

    def __init__(self, runtime):
        self.runtime = runtime

    def events(self, source, rows):
        contract = self.runtime.declarations.contracts[source]
        common = {"retention_days": 90, "received_at": AS_OF}
        table = _typed([{"event_id": secrets.token_hex(16), **common, **row} for row in rows], contract)
        with writing(self.runtime.store.home, **self._arguments()) as writer:
            writer.append(EventSet(source, contract.policy.value), table)
            self._commit(writer, contract, table)

    def entities(self, source, rows):
        contract = self.runtime.declarations.contracts[source]
        common = {"received_at": AS_OF, "updated_at": AS_OF}
        table = _typed([{"entity_id": secrets.token_hex(16), **common, **row} for row in rows], contract)
        entities = entity_set(contract)
        arguments = self._arguments()
        merger = EntityWriter(self.runtime.store.home, entities=entities, **arguments)
        merger.append(table)
        with writing(self.runtime.store.home, **arguments) as writer:
            merge = merger.merge(full=False, allow_shrink=False)
            self._commit(writer, contract, table, merge=merge, counts=merge.counts)
        merger.close(committed=True)

    def _arguments(self):
        return {
            "ledger": self.runtime.store.ledger,
            "engine": self.runtime.store.engine,
            "batch_id": secrets.token_hex(8),
        }

    def _commit(self, writer, contract, table, **more):
        commit_batch(
            writer,
            self.runtime.store.ledger,
            as_of=AS_OF,
            feed=contract.feed,
            content_hash=secrets.token_hex(16),
            rows_read={contract.source: table.num_rows},
            **{"counts": (), **more},
        )


def _typed(rows, contract):
    connection = duckdb.connect()
    columns = ", ".join(f"{name} {type_}" for name, type_ in view_schema(contract))
    connection.execute(f"create table typed ({columns})")
    names = sorted({name for row in rows for name in row})
    connection.register("rows", pa.table({name: [row.get(name) for row in rows] for name in names}))
    return connection.execute("insert into typed by name select * from rows returning *").to_arrow_table()


def sent(workspace, campaign, numbers, *, day=FIRST):
    """Outbox rows of one campaign, one per contact number, and the statuses: all sent, even ones read."""
    at = datetime.combine(day, datetime.min.time()) + timedelta(hours=9)
    where = {"workspace_id": workspace, "event_date": day}
    outbox, statuses = [], []
    for number in numbers:
        message = secrets.token_hex(10)
        outbox.append(
            {
                **where,
                "message_token": f"{TOKEN}{message}",
                "campaign_id": campaign,
                "contact_token": token(workspace[:4], number),
                "channel": "whatsapp",
                "provider": "whatsapp",
                "outcome": "accepted",
                "queued_at": at,
                "price": "0.05",
                "price_currency": "EUR",
            }
        )
        for minutes, status in ((1, "sent"), (2, "read")) if number % 2 == 0 else ((1, "sent"),):
            statuses.append(
                {
                    **where,
                    "message_token": f"{TOKEN}{message}",
                    "status": status,
                    "occurred_at": at + timedelta(minutes=minutes),
                }
            )
    return outbox, statuses


@pytest.fixture(scope="module")
def stocked(empty, tmp_path_factory):
    """Three workspaces: one with campaigns of 20, 12 and 3 contacts, two with 8 contacts and 4."""
    with prepared(empty, tmp_path_factory.mktemp("stocked")) as runtime:
        stock(Store(runtime))
    return runtime.store.home


@pytest.fixture(scope="module")
def built_once(stocked, tmp_path_factory):
    """The same, built."""
    with prepared(stocked, tmp_path_factory.mktemp("built")) as runtime:
        build(*runtime, from_day=FIRST, to_day=LAST)
    return runtime.store.home


@pytest.fixture
def runtime(stocked, tmp_path):
    return open_runtime(copied(stocked, tmp_path))


@pytest.fixture
def built_runtime(built_once, tmp_path):
    return open_runtime(copied(built_once, tmp_path))


def stock(store):
    batches = [
        sent(WORKSPACES[0], "spring", range(20)),
        sent(WORKSPACES[0], "summer", range(30, 42)),
        sent(WORKSPACES[0], "tiny", range(50, 53)),
        sent(WORKSPACES[1], "first", range(8)),
        sent(WORKSPACES[2], "only", range(4)),
        sent(WORKSPACES[0], "spring", range(10, 30), day=LAST),
    ]
    store.events("app__messages", [row for outbox, _ in batches for row in outbox])
    store.events("whatsapp__statuses", [row for _, statuses in batches for row in statuses])
    store.entities("app__workspaces", [{"workspace_id": WORKSPACES[0], "workspace_name": "Bakery"}])
    names = {"spring": "Spring offer", "summer": "Summer offer", "tiny": "Three guests"}
    store.entities(
        "app__campaigns",
        [
            {
                "workspace_id": WORKSPACES[0],
                "campaign_id": campaign,
                "campaign_name": name,
                "channel": "whatsapp",
            }
            for campaign, name in names.items()
        ],
    )


def rows(runtime, query):
    with open_session(runtime.store.home, schemas={}, read_only=True) as connection:
        return connection.execute(query).fetchall()


FUNNEL = """
select
    cast(send_date as varchar),
    coalesce(workspace_name, workspace_key),
    coalesce(campaign_name, campaign_key),
    columns('_contacts|_messages')
from warehouse.marts.mart_campaign_daily order by all
"""
CUBES = "select table_name from duckdb_tables() where schema_name = 'cubes' order by all"


def everything(runtime):
    """Every row of every cube and mart, as published."""
    return {
        name: rows(runtime, f"from warehouse.cubes.{name} order by all") for (name,) in rows(runtime, CUBES)
    } | {"funnel": rows(runtime, FUNNEL)}


def test_slices_hold_safe_groups_only_and_numbers_near_the_truth(runtime):
    reported = []

    summary = build(
        *runtime,
        from_day=FIRST,
        to_day=LAST,
        progress=lambda *step: reported.append(step),
    )

    truth = {
        # With the three of a campaign of their own: too few to be `other`.
        ("2026-05-10", "Bakery", "Spring offer"): 23,
        ("2026-05-10", "Bakery", "Summer offer"): 12,
        ("2026-05-10", "Other workspaces", "Other campaigns"): 12,
        ("2026-05-12", "Bakery", "Spring offer"): 20,
    }
    found = {row[:3]: row[3] for row in rows(runtime, FUNNEL)}
    assert set(found) == set(truth)
    # Whatever the keys of this home are: one of the two multiples around each.
    assert all(abs(found[key] - truth[key]) < 7 and found[key] % 7 == 0 for key in truth)
    assert reported == sorted(reported)
    assert {(stage, of) for stage, _, of in reported} == {("build", 3)}
    assert reported[-1] == ("build", 3, 3)
    assert (summary.days, set(summary.outcomes.values())) == (3, {"success", "pass"})


def test_the_sql_that_invented_worlds_are_built_by_is_what_dbt_builds(empty):
    models, cubes = ModelSql(), load_cubes()
    none, before = EMPTY_DAY, EMPTY_DAY - timedelta(days=1)
    models.bounds = {"day": (none, none), "month": (none, before), "all": (none, none)}
    # Staging models read the store: no invented world has one.
    compiled = [
        path
        for path in (empty.dbt_target / "compiled" / "wasms" / "models").glob("*/*.sql")
        if path.parent.name != "staging"
    ]

    assert cubes.keys() < {path.stem for path in compiled}
    for path in compiled:
        name = path.stem
        ours = models.render(cube_sql(cubes[name])) if name in cubes else models.model(name)
        assert bare(ours) == bare(path.read_text("utf-8")), name


def bare(sql):
    """Words of a query, every relation by its last name."""
    return re.sub(r'(?:"\w+"\.)*"(\w+)"', r"\1", sql).split()


def test_building_again_gives_the_same_numbers_and_one_day_leaves_the_others(built_runtime):
    before = everything(built_runtime)

    build(*built_runtime, from_day=FIRST, to_day=LAST)
    build(*built_runtime, from_day=LAST, to_day=LAST)

    assert everything(built_runtime) == before


def test_only_what_a_day_changes_is_built_until_a_text_changes(built_runtime, project):
    # Somebody who calls dbt by hand leaves folders there that are named like files.
    (project / "target" / "run" / "stg_app__messages.yml").mkdir(parents=True)
    of_a_day = build(*built_runtime, from_day=LAST, to_day=LAST)
    view = project / "models" / "marts" / "mart_platform_daily.sql"
    view.write_text(view.read_text("utf-8") + "where true\n", "utf-8")

    of_all = build(*built_runtime, from_day=LAST, to_day=LAST)
    again = build(*built_runtime, from_day=LAST, to_day=LAST)

    assert {"cube_campaign_daily", "dim_published_campaigns"} <= set(of_a_day.models)
    assert not [name for name in of_a_day.models if name.startswith(("mart_", "fct_", "stg_", "int_"))]
    # What keeps people from being known is looked at with every day.
    guards = {"every_count_is_rounded", "keys_are_surrogates", "names_hold_no_token"}
    assert guards <= set(of_a_day.outcomes)
    assert {"mart_platform_daily", "stg_app__messages", *of_a_day.models} <= set(of_all.models)
    assert again.models == of_a_day.models


def test_what_failed_is_built_and_tested_again_though_its_text_is_the_same(built_runtime):
    built_runtime.store.ledger.set_unsound_marts({"one_row_per_mart_platform_daily_send_date"})

    summary = build(*built_runtime, from_day=LAST, to_day=LAST)

    assert "one_row_per_mart_platform_daily_send_date" in summary.outcomes
    assert built_runtime.store.ledger.unsound_marts() == frozenset()


def test_a_guard_that_failed_is_not_passed_by_a_build_of_no_day(built_runtime):
    failed = {"every_count_is_rounded"}
    built_runtime.store.ledger.set_unsound_marts(failed)

    build_marts(built_runtime.store)

    assert built_runtime.store.ledger.unsound_marts() == failed
    with pytest.raises(UnsoundMartsError):
        release_and_publish(built_runtime.store)


def test_a_build_that_was_killed_leaves_no_word_of_which_project_the_views_are(
    built_runtime, project, monkeypatch
):
    view = project / "models" / "marts" / "mart_platform_daily.sql"
    text = view.read_text("utf-8")
    view.write_text(text + "where true\n", "utf-8")
    with monkeypatch.context() as killed:
        killed.setattr(marts, "_build_chunk", _killed)
        with pytest.raises(KeyboardInterrupt):
            build(*built_runtime, from_day=LAST, to_day=LAST)
    view.write_text(text, "utf-8")

    summary = build(*built_runtime, from_day=LAST, to_day=LAST)

    assert "mart_platform_daily" in summary.models


def _killed(*_arguments, **_options):
    raise KeyboardInterrupt


def test_day_by_day_gives_the_same_as_all_days_at_once(runtime):
    for day in (FIRST, FIRST + timedelta(days=1), LAST):
        build(
            *runtime,
            from_day=day,
            to_day=day,
            select="fqn:wasms.slices cube_campaign_daily cube_failures_daily",
        )
    build(*runtime, from_day=LAST, to_day=LAST)
    one_by_one = everything(runtime)

    build(*runtime, from_day=FIRST, to_day=LAST)

    at_once = everything(runtime)
    for name in ("cube_campaign_daily", "cube_failures_daily", "funnel"):
        assert one_by_one[name] == at_once[name]
    assert at_once["funnel"]


def test_a_month_is_built_with_its_last_day_and_not_before(runtime):
    build(*runtime, from_day=FIRST, to_day=date(2026, 5, 30))
    assert rows(runtime, "select count(*) from warehouse.cubes.cube_workspace_monthly") == [(0,)]

    build(*runtime, from_day=date(2026, 5, 31), to_day=date(2026, 6, 2))

    (row,) = rows(
        runtime,
        "select cast(month as varchar), attempted_messages from warehouse.cubes.cube_workspace_monthly "
        "where level = 'workspace' and workspace_key <> 'other'",
    )
    # 35 messages on the first day and 20 on the last, of 45 contacts, the most active with two.
    assert row[0] == "2026-05-01"
    assert abs(row[1] - 55) <= 6.5 * 2


def test_a_month_counts_no_workspace_of_which_a_part_was_gone_when_it_closed(runtime):
    chosen = {"message_log_retention_days": 30, "valid_from": datetime(2026, 1, 1)}
    Store(runtime).entities("app__workspace_settings", [{"workspace_id": WORKSPACES[0], **chosen}])

    build(
        *runtime, from_day=FIRST, to_day=date(2026, 5, 31), select="fqn:wasms.slices cube_workspace_monthly"
    )

    # The two others have twelve contacts together, and are one group.
    keys = rows(runtime, "select distinct level, workspace_key from warehouse.cubes.cube_workspace_monthly")
    assert sorted(keys) == [("platform", "all"), ("workspace", "other")]


def test_with_no_closed_day_all_tables_exist_and_are_empty(runtime):
    reported = []

    summary = build(
        *runtime,
        from_day=FIRST,
        to_day=FIRST - timedelta(days=1),
        progress=lambda *step: reported.append(step),
    )

    assert (summary.days, reported) == (0, [])
    assert rows(runtime, FUNNEL) == []


def test_only_anonymous_tables_are_in_the_warehouse_file(built_runtime):
    tables = rows(
        built_runtime, "select schema_name, table_name from duckdb_tables() where database_name = 'warehouse'"
    )

    assert {schema for schema, _ in tables} == {"cubes", "marts", "reference"}
    cells = [
        str(cell)
        for schema, table in tables
        for row in rows(built_runtime, f'select * from warehouse."{schema}"."{table}"')
        for cell in row
    ]
    assert not [cell for cell in cells if TOKEN in cell or cell in WORKSPACES or cell == "Three guests"]


def test_neither_keys_nor_rows_are_left_in_dbts_files(built_runtime):
    keys = [built_runtime.store.keyring.get(Purpose.SURROGATE, name) for name in WORKSPACES]
    keys.append(built_runtime.store.keyring.get(Purpose.DATABASE, "warehouse"))
    forbidden = [TOKEN.encode(), *(w.encode() for w in WORKSPACES), *keys, *(k.hex().encode() for k in keys)]
    written = [path for path in (built_runtime.store.home.data / "dbt").rglob("*") if path.is_file()]
    assert written
    for path in written:
        content = path.read_bytes()
        assert not [path for value in forbidden if value in content]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A copy of the dbt project that a test may spoil."""
    copy = shutil.copytree(dbt_runs.DBT_PROJECT, tmp_path / "project")
    monkeypatch.setattr(dbt_runs, "DBT_PROJECT", copy)
    return copy


def test_messages_joined_some_days_at_a_time_are_the_same_as_all_at_once(runtime, project):
    end = date(2026, 5, 31)
    build(*runtime, from_day=FIRST, to_day=end)
    at_once = everything(runtime)
    parts = project / "macros" / "facts_in_parts.sql"
    text = parts.read_text("utf-8")
    assert "var('rows_at_once')" in text
    parts.write_text(text.replace("var('rows_at_once')", "7"), "utf-8")

    build(
        *runtime,
        from_day=FIRST,
        to_day=end,
        select="fqn:wasms.slices fqn:wasms.cubes,resource_type:model",
    )

    assert everything(runtime) == at_once
    assert at_once["cube_workspace_monthly"]
    assert at_once["funnel"]


def test_a_measure_of_months_that_is_new_does_not_wait_for_a_month_to_end(runtime):
    """A warehouse of an older version of the project: its months lack a column that marts read."""
    with open_warehouse_file(runtime.store.home, keyring=runtime.store.keyring, read_only=False) as file:
        file.execute("alter table warehouse.cubes.cube_fatigue_monthly drop column opting_out_contacts")
        file.execute("create or replace view warehouse.reference.project as select 'older' as digest")

    build(*runtime, from_day=FIRST, to_day=FIRST, select="fqn:wasms.slices cube_fatigue_monthly")

    assert rows(runtime, "select opting_out_contacts from warehouse.cubes.cube_fatigue_monthly") == []


def test_a_failure_names_the_model_and_no_value(built_runtime, project):
    before = rows(built_runtime, FUNNEL)
    model = project / "models" / "marts" / "mart_platform_daily.sql"
    # DuckDB's own message quotes what it cannot convert.
    model.write_text(model.read_text("utf-8") + "where cast('canary' || send_date as integer) > 0\n", "utf-8")

    with pytest.raises(MartsError, match=r"Failed in dbt: .*mart_platform_daily") as caught:
        build(*built_runtime, from_day=FIRST, to_day=LAST, select="+mart_platform_daily")

    assert "error" in caught.value.outcomes.values()
    assert "canary2" not in str(caught.value)
    assert not [
        p
        for p in (built_runtime.store.home.data / "dbt").rglob("*")
        if p.is_file() and b"canary2" in p.read_bytes()
    ]
    assert rows(built_runtime, FUNNEL) == before


def test_numbers_that_are_not_rounded_are_found_before_any_mart_is_built(runtime, project):
    path = project / "macros" / "disclosure" / "round.sql"
    declared = "base, wholes = var('rounding_base') | int"
    assert declared in path.read_text("utf-8")
    path.write_text(path.read_text("utf-8").replace(declared, "base, wholes = 1"), "utf-8")

    with pytest.raises(MartsError, match="Failed in dbt: every_count_is_rounded") as caught:
        build(*runtime, from_day=FIRST, to_day=LAST)

    assert caught.value.outcomes["mart_campaign_daily"] == "skipped"
    with pytest.raises(UnsoundMartsError, match="every_count_is_rounded"):
        release_and_publish(runtime.store)


def test_a_broken_partition_stops_the_build_and_keeps_what_was_there(built_runtime):
    before = rows(built_runtime, FUNNEL)
    for path in built_runtime.store.home.store.glob("whatsapp__statuses/**/*.parquet"):
        path.write_bytes(b"broken")

    with pytest.raises((StoreError, MartsError)) as caught:
        build(*built_runtime, from_day=FIRST, to_day=LAST)

    assert ".parquet" not in str(caught.value)
    assert "project" not in str(caught.value)
    assert rows(built_runtime, FUNNEL) == before


def test_a_missing_key_says_so(built_runtime):
    for path in built_runtime.store.home.keys.glob("parquet/*.key"):
        path.unlink()

    with pytest.raises(KeyringError, match="it does not exist"):
        build(*built_runtime, from_day=FIRST, to_day=LAST)


def test_messages_of_a_day_are_the_same_when_only_its_partitions_are_read(built_runtime):
    query = f"from fct_messages where send_date = date '{FIRST}' order by all"
    far = FIRST - timedelta(days=30)
    outbox, _ = sent(WORKSPACES[0], "spring", range(3), day=far)
    Store(built_runtime).events("app__messages", outbox)
    answers, plans = [], []
    schemas, tables = built_runtime.declarations.schemas, store_tables(*built_runtime)
    with open_session(built_runtime.store.home, schemas=schemas, tables=tables, read_only=True) as connection:
        connection.execute("set schema 'warehouse.restricted'")
        for asked in ("from fct_messages", query):
            ask_for_days_of(connection, asked)
            answers.append(connection.execute(query).fetchall())
            plans += connection.execute(f"explain (analyze, format json) {query}").fetchall()

    assert answers[0] == answers[1]
    assert len(answers[0]) == 47
    assert [f"event_date={far}" in plan for _, plan in plans] == [True, False]


def test_the_unit_tests_of_the_models_pass(runtime):
    build(*runtime, from_day=FIRST, to_day=FIRST)

    home = runtime.store.home
    with leases(home), connection_closed_afterwards():
        checked = dbt_runs._dbt_on_project(home, "test", "--select", "test_type:unit")
    assert checked.success
    assert len(checked.result.results) >= 13


def test_marts_reach_restricted_rows_through_cubes_and_published_dims_only(runtime):
    manifest = json.loads(parse(runtime.store.home).read_text("utf-8"))

    models = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    folder = {key: node["fqn"][1] for key, node in models.items()}
    for key, node in models.items():
        if folder[key] == "marts":
            assert {folder[parent] for parent in node["depends_on"]["nodes"]} <= {"cubes", "published"}
        if folder[key] in ("cubes", "published", "marts"):
            assert node["config"]["contract"]["enforced"], key
        elif folder[key] == "slices":
            assert node["database"] == "memory", key
            assert node["config"]["materialized"] in ("table", "facts_in_parts"), key
        else:
            assert node["config"]["materialized"] == "view", key


def test_dbt_itself_refuses_a_mart_over_restricted_rows(runtime, project):
    leak = project / "models" / "marts" / "mart_leak.sql"
    leak.write_text("select contact_token from {{ ref('fct_messages') }}\n", "utf-8")

    with pytest.raises(MartsError, match="does not load"):
        parse(runtime.store.home)
    leak.unlink()

    assert parse(runtime.store.home).exists()
