"""`wasms retention explain`: rule, reason and evidence of a day's rows, in words and from the store."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli.retention import app
from pipelines.retention.apply import apply_retention
from pipelines.runtime import Runtime, open_runtime
from tests.support.feeding import give
from warehouse.keys.keyring import Purpose
from warehouse.retention.errors import NothingKnownError

NOW = datetime(2026, 6, 1, 6)
PHONE = "+4915100000001"
DAY = "2026-05-22"


def after(days: int) -> datetime:
    return NOW + timedelta(days=days)


@pytest.fixture
def runtime(home) -> Runtime:
    """Three messages of ws_a (one to a person on hold) and one of ws_b on one day; ws_a chose 45 days."""
    runtime = open_runtime(home)
    choice = {"message_log_retention_days": 45, "valid_from": after(-20), "updated_at": after(-20)}
    give(runtime, "app__workspace_settings", {"workspace_id": "ws_a"} | choice, as_of=NOW)
    messages = [
        {
            "workspace_id": workspace,
            "outbox_id": f"o{number}",
            "channel": "sms",
            "recipient": phone,
            "outcome": "accepted",
            "queued_at": after(-10),
        }
        for number, (workspace, phone) in enumerate(
            [("ws_a", PHONE), ("ws_a", "+4915100000002"), ("ws_a", "+4915100000003"), ("ws_b", PHONE)]
        )
    ]
    give(runtime, "app__messages", *messages, as_of=NOW)
    apply_retention(*runtime, as_of=NOW)
    hold = {"workspace_id": "ws_a", "hold_id": "h1", "phone": PHONE, "expires_at": datetime(2026, 6, 25)}
    give(runtime, "privacy__legal_holds", hold | {"updated_at": NOW}, as_of=after(1))
    apply_retention(*runtime, as_of=after(1))
    return runtime


def explained(home: Path, *arguments: str, workspace: str = "ws_a") -> list[str]:
    """What is said of `app__messages` and of the category it is in."""
    options = ("--workspace", workspace, "--date", DAY, "--home", str(home), *arguments)
    result = CliRunner().invoke(app, ["explain", *options], catch_exceptions=False)
    assert result.exit_code == 0
    blocks = result.output.split("\n\n")
    (block,) = [b for b in blocks if "app__messages" in b]
    return [line.strip() for line in block.splitlines() if "Nothing is there" not in line]


def test_before_it_is_due_the_day_and_the_rule_are_named(runtime):
    lines = explained(runtime.store.home.root, "--as-of", "2026-06-05")

    assert lines[:3] == [
        "message_log, until 2026-06-21",
        "30 days after the event, as the workspace chose 45, rounded down to a class.",
        "Not default: 90 days: the workspace chose its own window.",
    ]
    assert lines[3].endswith("keeps rows about one person until 2026-06-25.")
    assert lines[4:] == [
        f"app__messages: 3 row(s) in event_date={DAY}/retention_days=30: not due before 2026-06-21."
    ]


def test_after_it_was_due_what_a_hold_keeps_is_shown_with_the_evidence_of_the_rest(runtime):
    apply_retention(*runtime, as_of=after(22))

    lines = explained(runtime.store.home.root, "--as-of", "2026-06-23")

    assert lines[0] == "message_log, due since 2026-06-21"
    held, gone = lines[4:]
    assert "1 row(s) in hold=" in held
    assert held.endswith("until 2026-06-25.")
    assert gone == "app__messages: Rows of the 30-day class were deleted as of 2026-06-23: evidence entry 1."


def test_a_neighbour_on_the_same_day_has_its_own_rule(runtime):
    lines = explained(runtime.store.home.root, "--as-of", "2026-06-05", workspace="ws_b")

    assert lines[0] == "message_log, until 2026-08-20"
    assert lines[-1].startswith("app__messages: 1 row(s) in ")


def test_what_was_known_on_an_earlier_day_is_told_apart_from_what_is_known_now(runtime):
    before_the_hold = explained(runtime.store.home.root, "--as-known-on", "2026-06-01")
    with_the_hold = explained(runtime.store.home.root, "--as-known-on", "2026-06-02")

    assert before_the_hold[0] == with_the_hold[0] == "message_log, until 2026-06-21"
    assert [line for line in before_the_hold if "Legal hold" in line] == []
    assert len([line for line in with_the_hold if "Legal hold" in line]) == 1
    with pytest.raises(NothingKnownError, match="it begins on 2026-06-01"):
        explained(runtime.store.home.root, "--as-known-on", "2026-05-31")


def test_an_ended_account_is_explained_by_its_evidence_alone(runtime):
    ended = {"workspace_id": "ws_b", "subscription_id": "s", "started_at": after(-99), "ended_at": after(2)}
    give(runtime, "app__subscriptions", ended | {"updated_at": after(2)}, as_of=after(3))
    apply_retention(*runtime, as_of=after(40))
    options = (
        "--workspace",
        "ws_b",
        "--date",
        DAY,
        "--as-of",
        "2026-07-11",
        "--home",
        str(runtime.store.home.root),
    )

    text = CliRunner().invoke(app, ["explain", *options], catch_exceptions=False).output

    assert not runtime.store.keyring.has(Purpose.PSEUDONYM, "ws_b")
    assert "The account was ended as of 2026-07-11: evidence entry" in text
    assert "Not end of the account: The account has ended" in text
    assert "The account has ended: its data goes on 2026-07-11." in text


def test_counting_rows_is_noted_in_the_access_log(runtime):
    explained(runtime.store.home.root, "--as-of", "2026-06-05")

    (row,) = runtime.store.ledger.read("select what from access_log")
    assert row["what"] == "retention explain"


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("option", ["--date", "--as-known-on"])
def test_a_day_that_is_none_is_wrong_usage(home, option):
    arguments = {"--workspace": "ws_a", "--date": DAY, "--home": str(home.root)} | {option: "yesterday"}

    result = CliRunner().invoke(app, ["explain", *(text for pair in arguments.items() for text in pair)])

    assert (result.exit_code, "expected a date" in result.output) == (2, True)
