"""The real graph on a small inbox: what is taken in, what is green, what turns red, what Dagster keeps."""

import sqlite3
from contextlib import closing
from datetime import datetime

import dagster as dg
import pytest

from pipelines.ingestion.options import Options
from pipelines.orchestration.keys import PUBLISHED, batches_key, day_range, inbox_key, store_key
from pipelines.orchestration.reported import report_unseen
from pipelines.orchestration.schedules import next_slices, next_work
from pipelines.run import note_built_days, run
from tests.support.leaks import find_leaks
from tests.support.orchestra import (
    CANARIES,
    CLOSED,
    NAME,
    SENT,
    TAKEN_IN,
    TEXT,
    Orchestra,
    day,
    outbox_row,
    passed_checks,
    put,
    put_channel,
    put_messages,
    reasons,
    remembering,
)
from warehouse.retention import records
from warehouse.retention.records import Tombstone
from warehouse.store.session import open_session

# May closes on the ninth of June. Rows go 90 days after the messages; a day later they are late.
MONTH_CLOSED, OUTAGE_OVER = "2026-06-10", "2026-08-03"

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

    assert [each.success for each in (ingested, marts, published, retention)] == [True] * 4, reasons(marts)
    assert not [path for path in orchestra.home.inbox.rglob("*") if path.is_file()]
    for key in (
        store_key("whatsapp__statuses"),
        store_key("app__messages"),
        dg.AssetKey(["cubes", "cube_campaign_daily"]),
    ):
        assert SENT in orchestra.materialized(key)
    checks = passed_checks(ingested) | passed_checks(marts) | passed_checks(published)
    assert orchestra.checked(store_key("whatsapp__statuses"), "reconciliation")
    assert orchestra.checked(store_key("whatsapp__statuses"), "contract")
    assert checks["batches_whatsapp", "taken_in"]
    assert checks["marts", "threshold"]
    # Nobody clicked, which is no fault.
    assert {check for (_, check), passed in checks.items() if not passed} <= {"has_rows"}
    assert next_slices(orchestra.at(CLOSED)) is None
    event = orchestra.instance.get_latest_materialization_event(PUBLISHED)
    metadata = event.asset_materialization.metadata
    assert metadata["dagster/row_count"].value > 0


def planned_and_done(orchestra: Orchestra, result: dg.ExecuteInProcessResult) -> list[set[tuple[str, ...]]]:
    """What a run planned, what it did, and what it skipped: assets, and checks by asset and name."""
    planned, done, skipped = set(), set(), set()
    for entry in orchestra.instance.all_logs(result.run_id):
        event = entry.dagster_event
        match event.event_type_value if event else "":
            case "ASSET_MATERIALIZATION_PLANNED":
                planned.add(tuple(event.event_specific_data.asset_key.path))
            case "ASSET_CHECK_EVALUATION_PLANNED":
                data = event.event_specific_data
                planned.add((*data.asset_key.path, data.check_name))
            case "ASSET_MATERIALIZATION":
                done.add(tuple(event.event_specific_data.materialization.asset_key.path))
            case "ASSET_CHECK_EVALUATION":
                data = event.event_specific_data
                done.add((*data.asset_key.path, data.check_name))
            case "STEP_SKIPPED":
                skipped.add((event.step_key,))
    return [planned, done, skipped]


def test_the_jobs_of_an_ordinary_day_and_of_a_months_end_skip_nothing_that_they_plan(whole_graph):
    orchestra = whole_graph
    put_channel(orchestra.home)
    put_messages(orchestra.home)
    may = orchestra.at(MONTH_CLOSED).runtime.store.ledger

    runs = [orchestra.run("ingest", at=TAKEN_IN)]
    runs.append(orchestra.run("marts", at=CLOSED, tags=day_range(*next_work(orchestra.at(CLOSED)).periods)))
    runs.append(orchestra.run("publish", at=CLOSED))
    waiting = may.waiting_months()
    note_built_days(orchestra.at(CLOSED).runtime.store, day("2026-05-05"), day("2026-05-31"))
    due = next_work(orchestra.at(MONTH_CLOSED))
    runs.append(orchestra.run("retention", at=MONTH_CLOSED))
    runs.append(orchestra.run("months", at=MONTH_CLOSED, tags=day_range(*due.periods)))

    assert [each.success for each in runs] == [True] * 5
    for each in runs:
        planned, done, skipped = planned_and_done(orchestra, each)
        assert planned
        assert planned - done == skipped == set(), each.job_def.name
    assert waiting == []
    assert due == ("months", (day("2026-05-01"), day("2026-05-01")))
    assert may.waiting_months() == []
    assert orchestra.materialized(dg.AssetKey(["cubes", "cube_workspace_monthly"])) == {"2026-05-01"}
    assert next_work(orchestra.at(MONTH_CLOSED)) is None


def test_a_month_that_is_published_is_not_built_again(whole_graph):
    orchestra = whole_graph
    put_channel(orchestra.home)
    put_messages(orchestra.home)
    assert orchestra.run("ingest", at=TAKEN_IN).success
    early = orchestra.run("months", at="2026-06-02", tags=day_range(day("2026-05-01"), day("2026-05-01")))
    assert orchestra.run("catch_up", at=MONTH_CLOSED).success

    again = orchestra.run("months", at=MONTH_CLOSED, tags=day_range(day("2026-05-01"), day("2026-05-01")))

    assert "2026-05-31 has not closed" in reasons(early)
    assert "cubes, 2026-05-01: its slice is released" in reasons(again)


def other_row() -> dict[str, object]:
    return outbox_row(0) | {"outbox_id": "out-late", "message_id": "wamid.late"}


def test_one_button_catches_up_after_an_outage(built):
    """Days of files wait, rows are past their window, a day has closed: in that order, by one run."""
    put(built.home, "app/messages", other_row() | {"queued_at": "2026-07-20T11:59:00Z"})
    refused = built.run("marts", at=OUTAGE_OVER, tags=day_range(day("2026-07-20"), day("2026-07-20")))
    first = next_work(built.at(OUTAGE_OVER))

    caught_up = built.run("catch_up", at=OUTAGE_OVER)

    assert first == ("retention", None)
    assert "whatsapp__statuses nothing_past_its_window" in reasons(refused)
    assert caught_up.success, reasons(caught_up)
    assert not [path for path in built.home.inbox.rglob("*") if path.is_file()]
    assert built.shown(store_key("whatsapp__statuses"), SENT)["state"] == "expired"
    assert built.at(CLOSED).runtime.store.ledger.built_until() >= day("2026-07-20")
    assert built.home.published_path.exists()
    assert built.checked(PUBLISHED, "threshold")
    assert next_work(built.at(OUTAGE_OVER)) is None
    assert built.run("catch_up", at=OUTAGE_OVER).success, "nothing is left to do"


def test_what_a_command_line_did_is_shown_once(built):
    """A warehouse in which a day was built, and a Dagster that has not seen it."""
    runtime = built.at(CLOSED).runtime

    told, again = (report_unseen(built.instance, *runtime) for _ in range(2))
    put(built.home, "app/messages", other_row())
    run(*runtime, options=Options(as_of=datetime.fromisoformat(f"{CLOSED}T07:00:00")))
    later = report_unseen(built.instance, *runtime)

    assert told > 0
    assert again == 0
    assert 0 < later < told
    assert built.shown(store_key("app__messages"), SENT)["dagster/partition_row_count"] == 13
    for key in (
        dg.AssetKey(["cubes", "cube_campaign_daily"]),
        dg.AssetKey(["marts", "mart_campaign_daily"]),
        batches_key("whatsapp"),
        PUBLISHED,
    ):
        assert built.instance.get_latest_materialization_event(key), key


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
    assert not passed_checks(result)["batches_whatsapp", "taken_in"]
    assert passed_checks(result)["batches_app_channels", "taken_in"]
    assert broken.exists()
    assert "1 of 4 file(s) stay in the inbox" in reasons(result)
    assert SENT in orchestra.materialized(store_key("whatsapp__statuses"))
    assert find_leaks(orchestra.home, CANARIES, besides=[orchestra.home.inbox]) == []


def test_the_red_of_a_file_that_was_removed_goes_at_the_next_look(orchestra):
    broken = orchestra.home.inbox / "whatsapp" / f"{SENT}-broken.jsonl.gz"
    broken.parent.mkdir()
    broken.write_bytes(b"\x1f\x8b")
    asked = orchestra.tick("inbox", at=TAKEN_IN)
    orchestra.run("ingest", at=TAKEN_IN)
    red = orchestra.checked(batches_key("whatsapp"), "taken_in")
    still = orchestra.tick("inbox", at=TAKEN_IN, cursor=asked.cursor)
    tomorrow = orchestra.tick("inbox", at=CLOSED, cursor=asked.cursor)
    broken.unlink()
    gone = orchestra.tick("inbox", at=TAKEN_IN, cursor=asked.cursor)

    assert red is False
    assert still.run_requests == [] == still.asset_events
    assert len(tomorrow.run_requests) == 1, "tried again once a day"
    assert [(e.asset_key, e.passed) for e in gone.asset_events] == [(batches_key("whatsapp"), True)]


def test_a_file_of_which_most_is_in_quarantine_is_red_until_it_is_tried_again(orchestra):
    """The channel is not known yet: no record belongs to anybody."""
    put_messages(orchestra.home)

    result = orchestra.run("ingest", at=TAKEN_IN)

    assert not passed_checks(result)["batches_whatsapp", "taken_in"]
    assert passed_checks(result)["batches_app_messages", "taken_in"]


def test_a_file_in_no_feeds_folder_is_told_and_stays(orchestra):
    stray = orchestra.home.inbox / "whatsap" / "2026-05-04.jsonl"
    quiet = orchestra.tick("inbox", at=TAKEN_IN)
    stray.parent.mkdir()
    stray.write_text("{}", "utf-8")
    told = orchestra.tick("inbox", at=TAKEN_IN, cursor=quiet.cursor)
    again = orchestra.tick("inbox", at=TAKEN_IN, cursor=told.cursor)
    stray.unlink()
    moved = orchestra.tick("inbox", at=TAKEN_IN, cursor=told.cursor)

    def strays(tick) -> list[bool]:
        return [event.passed for event in tick.asset_events if event.check_name == "files_in_no_feeds_folder"]

    assert [strays(tick) for tick in (quiet, told, again, moved)] == [[], [False], [], [True]]
    assert told.skip_message == "The inbox is empty."


def test_counts_that_do_not_add_up_turn_reconciliation_red_and_stop_the_marts(built):
    with closing(sqlite3.connect(built.home.ledger_path)) as ledger, ledger:
        ledger.execute(
            "update counts set rows = rows + 1 where source = 'whatsapp__statuses' and outcome = 'kept'"
        )

    result = built.run("marts", at=CLOSED, tags=day_range(day(SENT), day(SENT)))

    assert built.checked(store_key("whatsapp__statuses"), "reconciliation") is False
    assert not [e for e in result.get_asset_materialization_events() if e.asset_key.path[0] == "cubes"]


def test_a_file_that_is_gone_turns_reconciliation_red(built):
    next((built.home.store / "whatsapp__statuses").rglob("*.parquet")).unlink()

    built.run("retention", at=CLOSED)

    assert built.checked(store_key("whatsapp__statuses"), "reconciliation") is False


def test_a_cell_of_ten_contacts_turns_the_threshold_red_and_stops_the_publication(built):
    with open_session(built.home, schemas={}) as connection:
        connection.execute("update warehouse.cubes.cube_campaign_daily set audience_contacts = 10")
    before = built.home.published_path.read_bytes()

    result = built.run("publish", at=CLOSED)

    assert not passed_checks(result)["marts", "threshold"]
    assert not result.success
    assert built.home.published_path.read_bytes() == before


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
    assert asked.tags.items() >= day_range(day("2026-05-03"), day(SENT)).items()
