"""What decides about retention is read as the application exported it, deletions included."""

from datetime import datetime, timedelta

import pytest

from pipelines.declarations.contract import load_contracts
from pipelines.runtime import Runtime, open_runtime
from pipelines.windows.inputs import QUARANTINE, data_sets, hold_name, retention_inputs
from tests.support.feeding import give
from warehouse.retention.rules import DataSet, Layout, Setting

NOW = datetime(2026, 6, 1, 6)


def day(n: int) -> datetime:
    """Midnight of a day of May."""
    return datetime(2026, 5, 1) + timedelta(days=n - 1)


@pytest.fixture
def runtime(home) -> Runtime:
    return open_runtime(home)


def subscribe(runtime: Runtime, *rows: tuple[str, datetime | None, int], full: bool = False) -> None:
    """(subscription `workspace:number`, end, day of update)."""
    give(
        runtime,
        "app__subscriptions",
        *(
            {
                "workspace_id": name.split(":")[0],
                "subscription_id": name,
                "started_at": day(1),
                "ended_at": ended_at or "",
                "updated_at": day(updated),
            }
            for name, ended_at, updated in rows
        ),
        as_of=NOW,
        full=full,
    )


def delete_workspace(runtime: Runtime, workspace: str, at: datetime) -> None:
    row = {"workspace_id": workspace, "updated_at": at, "deleted_at": at}
    give(runtime, "app__workspaces", row, as_of=NOW)


def test_every_change_of_a_window_is_a_fact_those_to_come_included(runtime):
    rows = [("ws_a", day(20), 30), ("ws_a", day(2), 90), ("ws_b", NOW + timedelta(days=9), "")]
    give(
        runtime,
        "app__workspace_settings",
        *(
            {"workspace_id": w, "message_log_retention_days": n, "valid_from": at, "updated_at": at}
            for w, at, n in rows
        ),
        as_of=NOW,
    )

    assert retention_inputs(*runtime, as_of=NOW).settings == {
        "ws_a": (Setting(day(2), 90), Setting(day(20), 30)),
        "ws_b": (Setting(NOW + timedelta(days=9), None),),
    }


def test_an_account_ends_with_its_last_subscription(runtime):
    subscribe(
        runtime,
        ("ws_over:1", day(3), 3),
        ("ws_over:2", day(9), 9),
        ("ws_runs:1", day(3), 3),
        ("ws_runs:2", None, 3),
        ("ws_ends_later:1", NOW + timedelta(hours=1), 3),
    )

    assert retention_inputs(*runtime, as_of=NOW).ended == {"ws_over": day(9)}
    assert retention_inputs(*runtime, as_of=NOW + timedelta(hours=1)).ended.keys() == {
        "ws_over",
        "ws_ends_later",
    }


def test_a_deleted_workspace_has_ended_whatever_its_subscriptions_say(runtime):
    subscribe(runtime, ("ws_runs:1", None, 3), ("ws_over:1", day(3), 3))
    for workspace in ("ws_runs", "ws_over", "ws_without_subscription"):
        delete_workspace(runtime, workspace, day(12))

    assert retention_inputs(*runtime, as_of=NOW).ended == {
        "ws_runs": day(12),
        "ws_over": day(3),  # the earlier end counts: deleting the rest later is no reason to keep longer
        "ws_without_subscription": day(12),
    }


def test_a_subscription_that_vanishes_from_the_export_has_ended_and_one_that_had_ended_does_not_end_anew(
    runtime,
):
    subscribe(runtime, ("ws_gone:1", None, 3), ("ws_over:1", day(5), 5), ("ws_runs:1", None, 3))

    subscribe(runtime, ("ws_runs:1", None, 20), full=True)

    # When it was deleted is not known better than by the day of the export without it.
    assert retention_inputs(*runtime, as_of=NOW).ended == {
        "ws_gone": NOW,
        "ws_over": day(5),
    }


def test_without_a_subscription_nothing_has_ended(runtime):
    give(runtime, "app__workspaces", {"workspace_id": "ws_a", "updated_at": day(1)}, as_of=NOW)

    assert retention_inputs(*runtime, as_of=NOW).ended == {}


def hold(**changes: object) -> dict[str, object]:
    return {
        "workspace_id": "ws_a",
        "hold_id": "h1",
        "held_source": "app__messages",
        "phone": "+4915100000001",
        "expires_at": day(30),
        "updated_at": day(1),
    } | changes


def test_a_hold_is_named_by_its_scope_not_by_its_end(runtime):
    names = []
    for number, changes in enumerate(
        ({}, {"expires_at": day(31)}, {"held_source": ""}, {"held_from": day(1)}, {"held_to": day(1)}),
        start=1,
    ):
        give(runtime, "privacy__legal_holds", hold(updated_at=day(number), **changes), as_of=NOW)
        (found,) = retention_inputs(*runtime, as_of=NOW).holds
        names.append(found.name)

    first, extended, *other_scopes = names
    assert first == extended
    assert len({first, *other_scopes}) == 4
    assert set(found.name) <= set("0123456789abcdef")


def test_no_scope_of_a_hold_reads_as_another():
    scope = {"workspace_id": "a", "hold_id": "b", "source": None, "contact_token": None}
    whole = {"held_from": None, "held_to": None}

    names = {
        hold_name(b"k" * 32, **(scope | whole | changes))
        for changes in (
            {},
            {"source": "-"},
            {"contact_token": "-"},
            {"held_from": day(1)},
            {"held_to": day(1)},
        )
    }

    assert len(names) == 5


def test_the_store_is_read_again_only_where_files_changed(runtime, monkeypatch):
    subscribe(runtime, ("ws_a:1", day(3), 3))
    before = retention_inputs(*runtime, as_of=NOW)
    monkeypatch.setattr("warehouse.store.reading.read_columns", lambda _, source, **__: pytest.fail(source))

    assert retention_inputs(*runtime, as_of=NOW + timedelta(days=1)) == before


def test_every_data_set_is_known_by_how_it_is_partitioned():
    known = data_sets(load_contracts())

    assert known.keys() == {*load_contracts(), QUARANTINE}
    assert {s for s, d in known.items() if d.layout is Layout.MONTHS} == {"app__invoices", "app__payments"}
    assert {d.event_time is None for d in known.values() if d.layout is Layout.BUCKETS} == {True}
    assert [source for source, data in known.items() if data.holds] == ["privacy__legal_holds"]
    assert known["app__messages"].event_time == "queued_at"
    assert "contact_token" in known["app__messages"].columns
    assert known["whatsapp__errors"].event_time == "received_at"
    assert known[QUARANTINE] == DataSet(QUARANTINE, "quarantine", Layout.DAYS, tokens=("record",), raw=True)
    for data in known.values():
        assert data.event_time is None or data.event_time in data.columns
