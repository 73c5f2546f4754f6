"""The real graph on a small inbox: what is taken in, what is green, what turns red, what Dagster keeps."""

import sqlite3
from contextlib import closing
from datetime import datetime

import dagster as dg
import pytest

from pipelines.orchestration.keys import day_range, inbox_key, published_key, store_key
from pipelines.orchestration.schedules import next_slices
from tests.support.leaks import find_leaks
from tests.support.orchestra import (
    CANARIES,
    CLOSED,
    NAME,
    SENT,
    TAKEN_IN,
    TEXT,
    day,
    passed_checks,
    put_channel,
    put_messages,
    reasons,
    remembering,
)
from warehouse.retention import records
from warehouse.retention.records import Tombstone
from warehouse.store.session import open_session

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::dagster.BetaWarning")]


@pytest.fixture
def whole_graph(empty, tmp_path):
    with remembering(empty, tmp_path, has_whole_graph=True) as orchestra:
        yield orchestra


def test_a_day_goes_from_the_inbox_to_the_published_marts_and_is_green_all_the_way(whole_graph):
    orchestra = whole_graph
    put_channel(orchestra.home)
    put_messages(orchestra.home)

    ingested = orchestra.run("ingest", at=TAKEN_IN)
    marts = orchestra.run("marts", at=CLOSED, tags=day_range(*next_slices(orchestra.at(CLOSED))))
    published = orchestra.run("publish", at=CLOSED)
    retention = orchestra.run("retention", at=CLOSED)

    assert [run.success for run in (ingested, marts, published, retention)] == [True] * 4, reasons(marts)
    assert not [path for path in orchestra.home.inbox.rglob("*") if path.is_file()]
    for key in (
        store_key("whatsapp__statuses"),
        store_key("app__messages"),
        dg.AssetKey(["cubes", "cube_campaign_daily"]),
    ):
        assert SENT in orchestra.materialized(key)
    checks = passed_checks(ingested) | passed_checks(marts) | passed_checks(published)
    assert checks["whatsapp__statuses", "reconciliation"]
    assert checks["whatsapp__statuses", "contract"]
    assert checks["cube_campaign_daily", "threshold"]
    # Nothing has arrived for a week, which is what freshness says.
    assert {check for (_, check), passed in checks.items() if not passed} == {"freshness"}
    assert next_slices(orchestra.at(CLOSED)) is None
    event = orchestra.instance.get_latest_materialization_event(published_key())
    metadata = event.asset_materialization.metadata
    assert metadata["dagster/row_count"].value > 0


def test_row_counts_stand_on_every_partition_that_got_rows(recorded):
    event = recorded.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=store_key("whatsapp__statuses"), asset_partitions=[SENT]), limit=1
    ).records[0]

    assert event.asset_materialization.metadata["dagster/partition_row_count"].value == 24


def test_nothing_that_dagster_keeps_holds_anything_personal(recorded):
    recorded.run("publish", at=CLOSED)

    assert find_leaks(recorded.home, CANARIES) == []


def test_the_search_finds_what_dagster_is_told(recorded):
    """Twin: the same search on the same files, with a name in one event."""
    recorded.instance.report_runless_asset_event(
        dg.AssetMaterialization(inbox_key("whatsapp"), metadata={"oops": NAME})
    )

    assert any("storage" in place for place in find_leaks(recorded.home, CANARIES))


def test_a_file_that_cannot_be_read_stays_turns_the_run_red_and_holds_up_no_other(orchestra):
    put_channel(orchestra.home)
    put_messages(orchestra.home)
    broken = orchestra.home.inbox / "whatsapp" / f"{SENT}-broken.jsonl.gz"
    broken.write_bytes(b"\x1f\x8b" + TEXT.encode())

    result = orchestra.run("ingest", at=TAKEN_IN)

    assert not result.success
    assert broken.exists()
    assert "1 of 2 file(s) stay in the inbox" in reasons(result)
    assert SENT in orchestra.materialized(store_key("whatsapp__statuses"))
    assert find_leaks(orchestra.home, CANARIES, besides=[orchestra.home.inbox]) == []


def test_counts_that_do_not_add_up_turn_reconciliation_red_and_stop_the_marts(built):
    with closing(sqlite3.connect(built.home.ledger_path)) as ledger, ledger:
        ledger.execute(
            "update counts set rows = rows + 1 where source = 'whatsapp__statuses' and outcome = 'kept'"
        )

    result = built.run("marts", at=CLOSED, tags=day_range(day(SENT), day(SENT)))

    assert not passed_checks(result)["whatsapp__statuses", "reconciliation"]
    assert not [e for e in result.get_asset_materialization_events() if e.asset_key.path[0] == "cubes"]


def test_a_file_that_is_gone_turns_reconciliation_red(built):
    next((built.home.store / "whatsapp__statuses").rglob("*.parquet")).unlink()

    result = built.run("ingest", at=CLOSED)

    assert not passed_checks(result)["whatsapp__statuses", "reconciliation"]


def test_a_cell_of_ten_contacts_turns_the_threshold_red_and_stops_the_publication(built):
    with open_session(built.home, schemas={}) as connection:
        connection.execute("update warehouse.cubes.cube_campaign_daily set audience_contacts = 10")

    result = built.run("publish", at=CLOSED)

    assert not passed_checks(result)["cube_campaign_daily", "threshold"]
    assert not built.home.published_path.exists()


def test_a_day_that_has_not_closed_is_not_built(orchestra):
    put_channel(orchestra.home)
    put_messages(orchestra.home)
    orchestra.run("ingest", at=TAKEN_IN)

    result = orchestra.run("marts", at=TAKEN_IN, tags=day_range(day(SENT), day(SENT)))

    assert not result.success
    assert "has not closed" in reasons(result)


def test_a_slice_whose_rows_were_deleted_is_not_built_again_and_says_which_deletion_it_was(built):
    stone = Tombstone("whatsapp__statuses", day(SENT), 90, datetime.fromisoformat(CLOSED), evidence=17)
    with built.at(CLOSED).runtime.store.ledger.transaction() as connection:
        records.set_tombstones(connection, [stone])

    result = built.run("marts", at=CLOSED, tags=day_range(day(SENT), day(SENT)))

    assert not result.success
    assert f"cubes, {SENT}: rows that its slice was built from were deleted" in reasons(result)
    assert "(evidence 17)" in reasons(result)
    assert not [e for e in result.get_asset_materialization_events() if e.asset_key.path[0] == "cubes"]


def test_the_sensor_asks_once_for_new_files_and_skips_those_still_being_written(orchestra):
    (orchestra.home.inbox / "whatsapp").mkdir()
    (orchestra.home.inbox / "whatsapp" / ".half.jsonl").write_text("{", "utf-8")
    nothing = orchestra.tick("inbox")
    put_channel(orchestra.home)
    first = orchestra.tick("inbox")
    again = orchestra.tick("inbox", cursor=first.cursor)
    put_messages(orchestra.home)
    then = orchestra.tick("inbox", cursor=first.cursor)

    assert nothing.skip_message == "The inbox is empty."
    assert [key.path for key in first.run_requests[0].asset_selection] == [
        ["batches", "batches_app_channels"]
    ]
    assert again.skip_message == "1 file(s) could not be taken in: see the last ingest run."
    assert {key.path[-1] for key in then.run_requests[0].asset_selection} == {
        "batches_app_messages",
        "batches_whatsapp",
    }
    assert SENT not in str(then.cursor) + str(then.run_requests[0].run_key), "names of files may be personal"


def test_the_sensor_asks_for_the_slices_that_closed(orchestra):
    put_channel(orchestra.home)
    put_messages(orchestra.home)
    orchestra.run("ingest", at=TAKEN_IN)

    (asked,) = orchestra.tick("closed_days").run_requests

    assert asked.job_name == "marts"
    assert asked.tags.items() >= day_range(day(SENT), day(SENT)).items()
