"""The end of accounts in cubes, marts, the warehouse file and the published copy; days that lost rows."""

import json
import secrets
import shutil
from contextlib import closing
from datetime import date, datetime, timedelta

import duckdb
import pytest

from pipelines.declarations.calendar import CLOSING_MARGIN_DAYS
from pipelines.declarations.contract import Kind, lateness_days
from pipelines.disclosure.surrogates import workspace_keys_of
from pipelines.ingestion.options import Options
from pipelines.marts import account_end, dbt_runs
from pipelines.marts import build as marts
from pipelines.marts.account_end import end_in_marts
from pipelines.marts.build import build
from pipelines.marts.frozen import FrozenSliceError, frozen_slices, slice_sources
from pipelines.marts.release import release_and_publish
from pipelines.marts.release_report import ATTACKS, noted
from pipelines.run import run, unbuilt_slices
from pipelines.runtime import open_runtime
from tests.integration.test_marts import Store, sent
from tests.support.homes import copied, kept, prepared
from tests.support.leaks import find_leaks
from warehouse.errors import ChangedAfterReleaseError
from warehouse.keys.keyring import Purpose
from warehouse.ledger.batches import Commit
from warehouse.retention import records
from warehouse.retention.databases import needs_rewrite
from warehouse.retention.records import Tombstone
from warehouse.store.session import open_session

pytestmark = pytest.mark.slow

FIRST = date(2026, 5, 10)
LAST = FIRST + timedelta(days=1)
AS_OF = datetime(2026, 6, 1)
NAME = "Quirinbakery"
# They differ in four letters, as contacts of `sent` are.
ENDED = [f"end{n}" for n in range(6)]
LIVING = "living"


@pytest.fixture(scope="module")
def template(empty, tmp_path_factory):
    """Nine workspaces, seven of which stand alone on the first day, two on the second; published."""

    def make(home):
        with prepared(empty, tmp_path_factory.mktemp("template")) as runtime:
            store = Store(runtime)
            batches = [
                *(sent(name, "spring", range(12 + n)) for n, name in enumerate(ENDED)),
                sent(LIVING, "spring", range(20)),
                sent("sma1", "spring", range(7)),
                sent("sma2", "spring", range(8)),
                sent(ENDED[0], "spring", range(15), day=LAST),
                sent(LIVING, "spring", range(15), day=LAST),
            ]
            store.events("app__messages", [row for outbox, _ in batches for row in outbox])
            store.events("whatsapp__statuses", [row for _, statuses in batches for row in statuses])
            name_workspaces(store, [*ENDED, LIVING])
            build(*runtime, from_day=FIRST, to_day=LAST)
            runtime.store.ledger.set_built_until(LAST)
            release_and_publish(runtime.store)
        shutil.move(runtime.store.home.root, home.root)

    return kept("accounts", make)


def title(workspace):
    """The name under which a workspace and its campaign are published."""
    return f"{NAME} of {workspace}"


def name_workspaces(store, workspaces):
    named = [{"workspace_id": name, "workspace_name": title(name)} for name in workspaces]
    store.entities("app__workspaces", named)
    campaigns = [
        {"workspace_id": name, "campaign_id": "spring", "campaign_name": f"Spring {title(name)}"}
        for name in workspaces
    ]
    store.entities("app__campaigns", campaigns)


@pytest.fixture
def runtime(template, tmp_path):
    """A copy of it, out of whose store the ended workspaces are gone."""
    runtime = open_runtime(copied(template, tmp_path))
    parts = runtime.store.ledger.live_parts()
    runtime.store.ledger.commit(
        Commit(
            batch_id=secrets.token_hex(8),
            as_of=AS_OF,
            snapshot=runtime.store.ledger.generation(),
            removed=dict.fromkeys(parts, "deleted"),
        )
    )
    for part in parts:
        (runtime.store.home.data / part.path).unlink()
    name_workspaces(Store(runtime), [LIVING])
    return runtime


def published(runtime, sql):
    with closing(duckdb.connect(str(runtime.store.home.published_path), read_only=True)) as connection:
        return [tuple(map(str, row)) for row in connection.execute(sql).fetchall()]


def everything_published(runtime):
    listed = "select distinct schema_name, table_name from duckdb_columns() where not internal order by all"
    with closing(duckdb.connect(str(runtime.store.home.published_path), read_only=True)) as connection:
        tables = connection.execute(listed).fetchall()
        return {t: connection.execute(f"from marts.{'.'.join(t)} order by all").fetchall() for t in tables}


def traces(runtime):
    """What must not be left of the ended workspaces: names and surrogates."""
    return [*map(title, ENDED), *workspace_keys_of(runtime.store.keyring, ENDED)]


WORKSPACES = "select send_date, workspace_name from mart_workspace_daily order by all"
CONTACTS = (
    "select coalesce(sum(audience_contacts), 0) from mart_workspace_daily where send_date = '2026-05-10'"
)
AFTER = [
    ("2026-05-10", "Former workspaces"),
    ("2026-05-10", "Other workspaces"),
    ("2026-05-10", title(LIVING)),
    # One ended workspace sent on this day: no group of its own, and part of none.
    ("2026-05-11", title(LIVING)),
]


def test_ended_accounts_leave_everything_and_the_totals_stay(runtime):
    platform = published(runtime, "from mart_platform_daily order by all")
    (before,) = published(runtime, CONTACTS)
    left = traces(runtime)
    assert {leak.split(": ")[1] for leak in find_leaks(runtime.store.home, left)} == {
        f"needle {n}" for n in range(len(left))
    }

    problem = end_in_marts(runtime.store, ENDED)

    assert problem is None
    assert find_leaks(runtime.store.home, left) == []
    assert published(runtime, "from mart_platform_daily order by all") == platform
    assert published(runtime, WORKSPACES) == AFTER
    assert published(runtime, CONTACTS) == [before]
    assert published(runtime, "select workspace_name from dim_published_workspaces") == [(title(LIVING),)]
    assert {schema for schema, _ in everything_published(runtime)} == {"cubes", "main"}
    assert not needs_rewrite(runtime.store.home, runtime.store.ledger)


def test_what_is_left_out_is_found(runtime, monkeypatch):
    monkeypatch.setattr(account_end, "coarsen", lambda *_, **__: None)

    end_in_marts(runtime.store, ENDED)

    keys = workspace_keys_of(runtime.store.keyring, ENDED)
    assert len({leak.split(": ")[1] for leak in find_leaks(runtime.store.home, keys)}) == len(keys)


def test_pages_that_are_copies_of_the_published_numbers_go_too(runtime):
    put_pages(runtime.store.home)

    end_in_marts(runtime.store, ENDED)

    assert find_leaks(runtime.store.home, [title(ENDED[0])]) == []


def test_pages_that_stay_are_found(runtime, monkeypatch):
    monkeypatch.setattr(account_end, "_remove_portal", lambda _: None)
    put_pages(runtime.store.home)

    end_in_marts(runtime.store, ENDED)

    assert len(find_leaks(runtime.store.home, [title(ENDED[0])])) == 2


def test_how_the_last_release_was_attacked_is_forgotten_with_the_pages(runtime):
    assert noted(runtime.store.ledger, ATTACKS) is not None

    end_in_marts(runtime.store, ENDED)

    assert noted(runtime.store.ledger, ATTACKS) is None


def put_pages(home):
    """A portal, and what a killed build of one left."""
    for folder in (home.portal, home.portal.with_name(".portal.0123.new.tmp")):
        folder.mkdir()
        (folder / "index.html").write_text(title(ENDED[0]), "utf-8")


def test_slices_go_on_after_an_end(runtime):
    end_in_marts(runtime.store, ENDED)
    before = published(runtime, WORKSPACES)
    store = Store(runtime)
    outbox, statuses = sent(LIVING, "spring", range(30), day=LAST + timedelta(days=1))
    store.events("app__messages", outbox)
    store.events("whatsapp__statuses", statuses)

    build(
        *runtime,
        from_day=LAST + timedelta(days=1),
        to_day=LAST + timedelta(days=1),
    )
    release_and_publish(runtime.store)

    assert published(runtime, WORKSPACES) == [*before, ("2026-05-12", title(LIVING))]


STEPS = ["coarsen", "release_changed", "build_marts", "rewrite", "release_and_publish"]


# After one step is before the next.
@pytest.mark.parametrize(("when", "step"), [*(("before", step) for step in STEPS), ("after", STEPS[-1])])
def test_killed_at_any_step_it_ends_the_same(when, step, runtime, template, tmp_path, monkeypatch):
    original = getattr(account_end, step)
    # What passes its tests is not the question here: the names are built, and no test is run.
    monkeypatch.setattr(marts, "OVER_CUBES", "fqn:wasms.published,resource_type:model")

    def killed(*args, **kwargs):
        if when == "after":
            original(*args, **kwargs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(account_end, step, killed)
        with pytest.raises(KeyboardInterrupt):
            end_in_marts(runtime.store, ENDED)

    assert end_in_marts(runtime.store, ENDED) is None

    once = everything_published(runtime)
    end_in_marts(runtime.store, ENDED)
    assert everything_published(runtime) == once
    assert find_leaks(runtime.store.home, traces(runtime)) == []
    platform = [tuple(map(str, row)) for row in once["main", "mart_platform_daily"]]
    assert platform == in_copy(template, "from mart_platform_daily order by all")


def in_copy(home, sql):
    with closing(duckdb.connect(str(home.published_path), read_only=True)) as connection:
        return [tuple(map(str, row)) for row in connection.execute(sql).fetchall()]


def test_deletion_does_not_wait_for_sound_marts(runtime, tmp_path, monkeypatch):
    project = shutil.copytree(dbt_runs.DBT_PROJECT, tmp_path / "project")
    platform = published(runtime, "from mart_platform_daily order by all")
    left = traces(runtime)
    with monkeypatch.context() as patched:
        patched.setattr(dbt_runs, "DBT_PROJECT", project)
        (project / "models" / "marts" / "mart_campaign_funnel.sql").write_text("select broken\n", "utf-8")

        problem = end_in_marts(runtime.store, ENDED)

    assert "mart_campaign_funnel" in problem
    assert find_leaks(runtime.store.home, left) == []
    assert published(runtime, WORKSPACES) == AFTER[1:]
    assert published(runtime, "from mart_platform_daily order by all") == platform

    assert end_in_marts(runtime.store, ENDED) is None
    assert published(runtime, WORKSPACES) == AFTER


def test_a_published_copy_that_cannot_be_read_is_removed_rather_than_kept(runtime, monkeypatch):
    runtime.store.ledger.set_unsound_marts({"some_test"})
    runtime.store.home.published_path.unlink()
    runtime.store.home.published_path.write_bytes(b"not a database")

    problem = end_in_marts(runtime.store, ENDED)

    assert "some_test" in problem
    assert not runtime.store.home.published_path.exists()


def test_an_end_before_anything_was_published_leaves_no_file(home):
    assert end_in_marts(open_runtime(home).store, ENDED) is None
    assert not home.warehouse_path.exists()
    assert not home.published_path.exists()


def test_no_key_is_made_for_a_workspace_that_never_had_one(home):
    runtime = open_runtime(home)

    assert workspace_keys_of(runtime.store.keyring, ["nobody"]) == []
    assert not runtime.store.keyring.has(Purpose.SURROGATE, "nobody")


def lost(runtime, source, day, *, evidence=17):
    with runtime.store.ledger.transaction() as connection:
        records.set_tombstones(connection, [Tombstone(source, day, 90, AS_OF, evidence)])


def cells(runtime):
    with open_session(runtime.store.home, schemas={}, read_only=True) as connection:
        return connection.execute("from warehouse.cubes.cube_campaign_daily order by all").fetchall()


def test_a_slice_whose_rows_were_deleted_is_never_built_again(runtime):
    before = cells(runtime)
    lost(runtime, "whatsapp__statuses", FIRST)

    with pytest.raises(FrozenSliceError, match=r"2026-05-10: .* \(evidence 17\)") as caught:
        build(*runtime, from_day=FIRST, to_day=FIRST)

    assert [str(frozen.day) for frozen in caught.value.slices] == ["2026-05-10"]
    # The next day's slice reads the partition as well: a message may have been received before its day.
    with pytest.raises(FrozenSliceError, match=r"1 more day\(s\) up to 2026-05-11"):
        build(*runtime, from_day=FIRST, to_day=LAST)
    assert cells(runtime) == before
    assert runtime.store.ledger.unsound_marts() == frozenset()


def forget_releases(runtime):
    """Leave the slices built, and not released."""
    with runtime.store.ledger.transaction() as connection:
        connection.execute("delete from released_slices")


def test_a_released_slice_is_never_built_again(runtime):
    with pytest.raises(FrozenSliceError, match=r"2026-05-10: its slice is released.* 1 more day"):
        build(*runtime, from_day=FIRST, to_day=LAST)

    forget_releases(runtime)
    build(*runtime, from_day=FIRST, to_day=LAST)


def test_a_slice_that_changed_after_its_release_is_not_published(runtime):
    before = everything_published(runtime)
    with open_session(runtime.store.home, schemas={}) as connection:
        connection.execute(
            "update warehouse.cubes.cube_campaign_daily set audience_contacts = audience_contacts + 1 "
            "where level = 'platform' and send_date = '2026-05-11'"
        )

    release_and_publish(runtime.store)
    assert everything_published(runtime) == before

    # Without a copy to go on with, every slice would be copied.
    runtime.store.home.published_path.unlink()
    with pytest.raises(
        ChangedAfterReleaseError, match=r"cubes\.cube_campaign_daily, 2026-05-11: released, and changed"
    ):
        release_and_publish(runtime.store)


def test_without_the_refusal_what_is_left_takes_the_place_of_the_slice(runtime, monkeypatch):
    monkeypatch.setattr(marts, "refuse_frozen_slices", lambda *_, **__: None)
    before = cells(runtime)
    lost(runtime, "whatsapp__statuses", FIRST)
    Store(runtime).events("app__messages", sent(LIVING, "spring", range(12), day=FIRST)[0])

    build(*runtime, from_day=FIRST, to_day=FIRST)

    assert len(cells(runtime)) < len(before)


@pytest.mark.parametrize(
    ("source", "days_later", "is_refused"),
    [
        ("app__messages", -3, False),
        ("app__messages", -2, True),
        ("whatsapp__statuses", 8, True),
        ("whatsapp__statuses", 9, False),
        ("web__access_logs", 0, False),
    ],
)
def test_a_slice_is_frozen_by_the_partitions_it_reads_and_no_others(source, days_later, is_refused, runtime):
    forget_releases(runtime)
    lost(runtime, source, FIRST + timedelta(days=days_later))

    assert bool(frozen_slices(*runtime, first=FIRST, last=FIRST)) is is_refused


def test_a_slice_built_ahead_is_as_frozen_as_any_and_one_never_built_is_not(runtime):
    runtime.store.ledger.set_built_until(FIRST)
    lost(runtime, "app__messages", LAST)
    with pytest.raises(FrozenSliceError, match="2026-05-11"):
        build(*runtime, from_day=LAST, to_day=LAST)

    never_built = LAST + timedelta(days=3)
    lost(runtime, "app__messages", never_built)
    build(
        *runtime,
        from_day=never_built,
        to_day=never_built,
        select="+cube_campaign_daily",
    )


def test_a_gap_is_never_built_and_nothing_is_built_across_it(runtime):
    store = Store(runtime)
    days = [LAST + timedelta(days=n) for n in range(1, 6)]
    for day in days:
        store.events("app__messages", sent(LIVING, "spring", range(12), day=day)[0])
    with runtime.store.ledger.transaction() as connection:
        records.note_gaps(connection, [days[0], days[3]], as_of=AS_OF)
    closed = days[-1] + timedelta(days=lateness_days(runtime.declarations.contracts) + CLOSING_MARGIN_DAYS)
    as_of = datetime.combine(closed, datetime.min.time())
    reported = []

    summary = run(
        *runtime,
        options=Options(as_of=as_of),
        progress=lambda *stage: reported.append(stage),
    )

    assert summary.slices == [(days[1], days[2]), (days[4], days[4])]
    done = [stage[1] for stage in reported if stage[0] == "build"]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, 3)
    assert {day for day, *_ in cells(runtime)} == {FIRST, LAST, days[1], days[2], days[4]}
    assert unbuilt_slices(*runtime, as_of=as_of) == []
    with pytest.raises(FrozenSliceError, match=r"2026-05-15: .* it is a gap"):
        build(*runtime, from_day=days[3], to_day=days[4])


def test_cubes_of_days_are_made_of_message_logs_only(runtime):
    nodes = json.loads(dbt_runs.parse(runtime.store.home).read_text("utf-8"))
    every = {**nodes["nodes"], **nodes["sources"]}
    reached = {
        key for key in nodes["nodes"] if key.startswith("model.wasms.cube_") and key.endswith("_daily")
    }
    waiting = list(reached)
    while waiting:
        for parent in every[waiting.pop()].get("depends_on", {}).get("nodes", []):
            if parent not in reached:
                reached.add(parent)
                waiting.append(parent)

    contracts = runtime.declarations.contracts
    sources = {every[key]["name"] for key in reached if key.startswith("source.wasms.store.")}
    # What the identity graph is made of.
    sources |= {contract.source for contract in contracts.values() if contract.same_person}
    events = {name for name in sources if contracts[name].kind is Kind.EVENT}
    assert events
    assert events <= slice_sources(runtime.declarations.contracts)
