"""Retention in Dagster: what goes every night, what expired days say, what waits for a person, what warns."""

import re
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from typer.testing import CliRunner

from pipelines.cli.app import build_app
from pipelines.declarations.contract import load_contracts
from pipelines.orchestration.checks import reconciliation_result
from pipelines.orchestration.keys import EVIDENCE, day_range, inbox_key, store_key
from pipelines.retention import dagster_records as dagster_windows
from pipelines.retention.dagster_records import delete_runs, due_runs
from tests.support.orchestra import (
    CLOSED,
    SENT,
    TAKEN_IN,
    Orchestra,
    day,
    passed_checks,
    put,
    put_channel,
    put_messages,
    reasons,
)
from warehouse.home import Home
from warehouse.keys.keyring import Purpose
from warehouse.retention import evidence, guard
from warehouse.retention.plan_entry import APPLIED

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::dagster.BetaWarning")]

# 90 days after the messages: the day itself is the first on which they must be gone.
EXPIRED, A_DAY_LATE = "2026-08-02", "2026-08-03"
A_WEEK_BEFORE, EARLIER = "2026-07-26", "2026-07-25"
STATUSES = store_key("whatsapp__statuses")
CUBE = dg.AssetKey(["cubes", "cube_campaign_daily"])
PAST = "nothing_past_its_window"


def rows_of(orchestra: Orchestra, source: str = "whatsapp__statuses") -> int:
    ledger = orchestra.at(CLOSED).runtime.store.ledger
    return sum(part.rows for part in ledger.live_parts(source))


def test_what_is_past_its_window_goes_at_night_and_its_partition_says_why(built):
    before = rows_of(built)

    result = built.run("retention", at=EXPIRED)

    assert result.success, reasons(result)
    assert (before, rows_of(built)) == (24, 0)
    shown = built.shown(STATUSES, SENT)
    assert shown == {
        "state": "expired",
        "dagster/partition_row_count": 0,
        "rows_held": 0,
        "rule": "default",
        "retention_days": "90",
        "deleted_as_of": EXPIRED,
        "evidence": 1,
    }
    assert built.checked(STATUSES, PAST)
    assert built.checked(STATUSES, "reconciliation")
    assert all(passed_checks(result).values())
    (event,) = [
        e.materialization for e in result.get_asset_materialization_events() if e.asset_key == EVIDENCE
    ]
    assert event.metadata["rows_deleted"].value == 37
    assert not list((built.home.store / "whatsapp__statuses").rglob("*.parquet"))


def test_an_expired_day_is_told_once_and_again_when_it_was_deleted_without_dagster(built):
    built.run("retention", at=EXPIRED)
    again = built.run("retention", at=EXPIRED)

    assert [e for e in again.get_asset_materialization_events() if e.asset_key == STATUSES] == []


def test_reconciliation_stays_green_when_rows_are_deleted(built):
    contract = load_contracts()["whatsapp__statuses"]
    built.run("retention", at=EXPIRED)

    check = reconciliation_result(built.at(EXPIRED), contract)

    assert check.passed
    assert check.metadata["rows_gone"].value == check.metadata["rows_kept"].value == 24


def test_rows_past_their_window_turn_the_check_red_and_stop_the_marts(built):
    def past(at: str) -> bool:
        late = built.run("marts", at=at, tags=day_range(day(SENT), day(SENT)))
        assert not late.success
        return built.checked(STATUSES, PAST) is False

    assert not past(EXPIRED), "what is due today has until midnight"
    assert past(A_DAY_LATE)
    late = built.run("marts", at=A_DAY_LATE, tags=day_range(day(SENT), day(SENT)))
    assert PAST in reasons(late)
    assert "launch the job `catch_up`" in reasons(late)
    assert not [e for e in late.get_asset_materialization_events() if e.asset_key.path[0] == "cubes"]


def test_evidence_that_was_changed_turns_the_proof_red(built):
    sound = built.run("retention", at=EXPIRED)
    with closing(sqlite3.connect(built.home.ledger_path)) as ledger, ledger:
        ledger.execute("drop trigger evidence_is_not_changed")
        ledger.execute("update evidence set body = replace(body, '37', '36') where seq = 1")

    changed = built.run("retention", at=EXPIRED)

    assert passed_checks(sound)["evidence", "verified"]
    assert not passed_checks(changed)["evidence", "verified"]


def habit(orchestra: Orchestra) -> None:
    """Eight days on which a row was deleted."""
    runtime = orchestra.at(CLOSED).runtime
    for n in range(8):
        with runtime.store.ledger.transaction() as connection:
            evidence.append(
                connection,
                key=runtime.store.keyring.get(Purpose.LEDGER, evidence.KEY),
                kind=APPLIED,
                as_of=datetime.fromisoformat(EXPIRED) - timedelta(days=8 - n),
                body={"rows_gone": 1},
            )
    evidence.write_anchor(runtime.store.ledger, runtime.store.home.keys / evidence.ANCHOR)


def test_an_unusual_amount_waits_for_a_person_who_carries_out_exactly_that_plan(built, monkeypatch):
    monkeypatch.setattr(guard, "FLOOR_ROWS", 20)
    habit(built)

    stopped = built.run("retention", at=EXPIRED)
    said = reasons(stopped)
    kept = rows_of(built)
    commands = [shlex.split(each) for each in re.findall("`wasms (retention [^`]+)`", said)]
    printed = [CliRunner().invoke(build_app(), command) for command in commands[:2]]
    after = built.run("retention", at=EXPIRED)

    assert not stopped.success
    assert "37 row(s), where 1 a day are usual; more than 20 wait for a person" in said
    assert kept == 24
    assert [command[1] for command in commands[:2]] == ["plan", "apply"]
    assert [done.exit_code for done in printed] == [0, 0], printed[-1].output
    assert rows_of(built) == 0
    assert after.success
    assert built.shown(STATUSES, SENT)["state"] == "expired"


def test_without_the_guard_the_same_amount_goes_by_itself(built):
    """Twin: the same habit, and a floor that is not reached."""
    habit(built)

    assert built.run("retention", at=EXPIRED).success
    assert rows_of(built) == 0


@pytest.fixture
def unbuilt(orchestra: Orchestra) -> Orchestra:
    """Messages taken in, no slice built of them."""
    put_channel(orchestra.home)
    put_messages(orchestra.home)
    assert orchestra.run("ingest", at=TAKEN_IN).success
    return orchestra


def test_seven_days_before_rows_go_unpublished_the_night_is_red(unbuilt):
    quiet = unbuilt.run("retention", at=EARLIER)
    loud = unbuilt.run("retention", at=A_WEEK_BEFORE)

    assert passed_checks(quiet)["evidence", "published_in_time"]
    (alarm,) = [e for e in loud.get_asset_check_evaluations() if e.check_name == "published_in_time"]
    assert not alarm.passed
    assert alarm.severity is dg.AssetCheckSeverity.ERROR
    assert alarm.metadata["days_at_risk"].value == 3
    # Wherever the workspace is, the partition's rows are of these days.
    assert (alarm.metadata["first_day"].value, alarm.metadata["last_day"].value) == (
        "2026-05-03",
        "2026-05-05",
    )


def test_the_deletion_does_not_wait_for_the_slice_and_says_that_it_is_lost(unbuilt):
    warned = unbuilt.run("retention", at=A_WEEK_BEFORE)
    deleted = unbuilt.run("retention", at=EXPIRED)

    assert warned.success
    assert not passed_checks(warned)["evidence", "published_in_time"]
    assert deleted.success
    (event,) = [
        e.materialization for e in deleted.get_asset_materialization_events() if e.asset_key == EVIDENCE
    ]
    assert event.metadata["slices_lost"].value == ["2026-05-03", SENT, "2026-05-05"]
    assert rows_of(unbuilt) == 0


def test_a_slice_that_is_built_raises_no_alarm(built):
    """Twin: the same day and the one after, in the cubes."""
    built.at(CLOSED).runtime.store.ledger.set_built_until(date(2026, 5, 5))
    assert passed_checks(built.run("retention", at=A_WEEK_BEFORE))["evidence", "published_in_time"]


def test_an_account_that_is_about_to_be_deleted_is_told_by_keyed_hash(unbuilt):
    put(
        unbuilt.home,
        "app/subscriptions",
        {
            "workspace_id": "ws-1",
            "subscription_id": "sub-1",
            "plan": "growth",
            "started_at": "2026-01-01T00:00:00Z",
            "ended_at": f"{CLOSED}T00:00:00Z",
            "updated_at": f"{CLOSED}T00:00:00Z",
            "deleted_at": None,
        },
    )
    assert unbuilt.run("ingest", at="2026-05-14").success

    early = unbuilt.run("retention", at="2026-06-04")
    result = unbuilt.run("retention", at="2026-06-05")

    assert passed_checks(early)["evidence", "accounts_ending"]
    (warning,) = [e for e in result.get_asset_check_evaluations() if e.check_name == "accounts_ending"]
    assert not warning.passed
    assert list(warning.metadata["accounts"].value.values()) == ["2026-06-12"]
    assert "ws-1" not in str(warning)


def year_later(*, days: int = 365) -> datetime:
    return datetime.now(UTC).replace(tzinfo=None) + timedelta(days=days)


def history(home: Home) -> Iterator[tuple[str, str]]:
    """Every row Dagster keeps of runs and events, by table."""
    for path in sorted((home.dagster / "storage" / "history").rglob("*.db")):
        with closing(sqlite3.connect(path)) as connection:
            for table in ("runs", "run_tags", "event_logs", "asset_check_executions", "bulk_actions"):
                try:
                    rows = connection.execute(f"select * from {table}").fetchall()
                except sqlite3.OperationalError:
                    continue
                yield from ((table, repr(row)) for row in rows)


def test_dagster_forgets_runs_after_their_window_and_still_shows_every_partition(recorded):
    recorded.instance.report_runless_asset_event(
        dg.AssetObservation(inbox_key("whatsapp"), metadata={"files_waiting": 471108315})
    )
    runs = {run.run_id for run in recorded.instance.get_runs()}
    shown = recorded.shown(STATUSES, SENT), recorded.materialized(CUBE)
    early = due_runs(recorded.home, days=365, as_of=year_later(days=364))
    items = due_runs(recorded.home, days=365, as_of=year_later())

    delete_runs(recorded.home, items, days=365, as_of=year_later())

    assert early == []
    assert {item.path for item in items} == {f"dagster/runs/{run}" for run in runs} | {
        "dagster/events-without-run"
    }
    assert recorded.instance.get_runs() == []
    assert (recorded.shown(STATUSES, SENT), recorded.materialized(CUBE)) == shown
    left = list(history(recorded.home))
    assert {table for table, _ in left} == {"event_logs"}
    assert "471108315" not in str(left)
    files = list((recorded.home.dagster / "storage").rglob("*.db*"))
    assert not [path for path in files if path.stem in runs]
    for path in files:
        assert b"471108315" not in path.read_bytes()
    assert not list((recorded.home.dagster / "compute_logs").rglob("*.err"))


def test_what_dagster_deletes_by_itself_leaves_the_results_of_checks_and_files(recorded):
    """Twin: its own way to delete a run, which is why there is more to ours."""
    runs = {run.run_id for run in recorded.instance.get_runs()}

    for run in runs:
        recorded.instance.delete_run(run)

    assert "asset_check_executions" in {table for table, _ in history(recorded.home)}
    assert recorded.materialized(CUBE) == set()
    assert [path for path in (recorded.home.dagster / "storage").rglob("*.db") if path.stem in runs]


def test_a_deletion_that_was_interrupted_is_finished_by_the_next(recorded, monkeypatch):
    items = due_runs(recorded.home, days=365, as_of=year_later())
    with monkeypatch.context() as broken:
        broken.setattr(dagster_windows, "_delete_events", _crash)
        with pytest.raises(ConnectionAbortedError):
            delete_runs(recorded.home, items, days=365, as_of=year_later())

    delete_runs(recorded.home, items, days=365, as_of=year_later())

    assert {table for table, _ in history(recorded.home)} == {"event_logs"}
    assert len(list((recorded.home.dagster / "storage" / "history" / "runs").glob("*-*.db"))) == 0


def _crash(*_: object) -> None:
    raise ConnectionAbortedError


def test_a_run_that_is_under_way_is_never_due(recorded):
    (run, *_) = recorded.instance.get_runs()
    with closing(sqlite3.connect(recorded.home.dagster / "storage/history/runs.db")) as storage, storage:
        storage.execute("update runs set status = 'STARTED' where run_id = ?", (run.run_id,))

    assert f"dagster/runs/{run.run_id}" not in {
        item.path for item in due_runs(recorded.home, days=1, as_of=year_later())
    }


def test_a_warehouse_without_dagster_is_asked_nothing_and_dagster_not_imported(home):
    code = (
        "import sys, datetime, pathlib\n"
        "from pipelines.retention.dagster_records import delete_runs, due_runs\n"
        "from warehouse.home import Home\n"
        "home, at = Home(pathlib.Path(sys.argv[1])), datetime.datetime(2030, 1, 1)\n"
        "assert due_runs(home, days=365, as_of=at) == []\n"
        "assert delete_runs(home, [], days=365, as_of=at) == 0\n"
        "assert 'dagster' not in sys.modules\n"
    )

    subprocess.run([sys.executable, "-c", code, str(home.root)], check=True)
