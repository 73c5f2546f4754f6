"""`wasms retention verify` and `report` on rows that came the usual way: from the inbox, by the contracts."""

import os
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli.app import build_app
from pipelines.retention.apply import apply_retention
from pipelines.retention.gather import make_report
from pipelines.retention.page import page
from pipelines.retention.verify import prove
from pipelines.runtime import Runtime, open_runtime
from tests.support.feeding import give
from warehouse.keys.keyring import Purpose
from warehouse.retention import evidence

SENT = datetime(2026, 5, 1, 9)
AS_OF = datetime(2026, 5, 10, 12)
# The account ended here; its data must be gone 30 days later.
ENDED = datetime(2026, 5, 15)
AFTER = datetime(2026, 6, 20, 12)


@pytest.fixture
def runtime(home) -> Runtime:
    """Two accounts, one of which will end, a message of each, and a hold on one of another workspace."""
    runtime = open_runtime(home)
    at = {"updated_at": datetime(2026, 4, 1)}
    for workspace, end in (("stayer", None), ("leaver", ENDED)):
        give(runtime, "app__workspaces", {"workspace_id": workspace, "name": "Shop", **at}, as_of=AS_OF)
        give(
            runtime,
            "app__subscriptions",
            {
                "workspace_id": workspace,
                "subscription_id": "s1",
                "started_at": datetime(2026, 1, 1),
                "ended_at": end,
                **at,
            },
            as_of=AS_OF,
        )
        give(
            runtime,
            "app__messages",
            {
                "workspace_id": workspace,
                "outbox_id": f"o-{workspace}",
                "channel": "sms",
                "recipient": "+4917012345678",
                "outcome": "accepted",
                "queued_at": SENT,
            },
            as_of=AS_OF,
        )
    give(
        runtime,
        "privacy__legal_holds",
        {
            "workspace_id": "stayer",
            "hold_id": "hold-7",
            "held_source": "app__messages",
            "reason": "Audit & <b>invoices</b>",
            "expires_at": datetime(2027, 1, 1),
            **at,
        },
        as_of=AS_OF,
    )
    return runtime


@pytest.fixture
def wasms(runtime, monkeypatch):
    """Run `wasms retention …` on the warehouse; returns exit code and everything it said."""
    monkeypatch.setenv("WASMS_HOME", str(runtime.store.home.root))

    def _run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(build_app(), ["retention", *arguments])
        return result.exit_code, " ".join(result.output.split())

    return _run


def test_a_warehouse_within_its_windows_is_proved_and_the_proof_is_evidence(wasms, runtime):
    exit_code, said = wasms("verify", "--as-of", str(AS_OF))

    assert exit_code == 0
    assert "Searched 7 row(s)" in said
    assert "Nothing is past its window." in said
    (entry,) = evidence.entries(runtime.store.ledger)
    assert entry.kind == evidence.VERIFIED
    assert entry.body == {"findings": 0, "rows": 7, "files": 7, "entries": 0}


def test_what_is_past_its_window_is_found_named_by_place_and_gone_after_apply(wasms, runtime):
    exit_code, said = wasms("verify", "--as-of", str(AFTER))

    assert exit_code == 1
    for source in ("app__messages", "app__subscriptions", "app__workspaces"):
        assert f"{source} 1 row(s) of accounts that have ended" in said
    assert "1 pseudonym key(s) of accounts that have ended" in said
    assert "leaver" not in said

    apply_retention(*runtime, as_of=AFTER)

    assert wasms("verify", "--as-of", str(AFTER))[0] == 0


def test_rows_that_a_hold_keeps_are_no_finding_until_it_ends(wasms, runtime):
    past = SENT + timedelta(days=91)
    apply_retention(*runtime, as_of=past)

    assert wasms("verify", "--as-of", str(past))[0] == 0
    assert [part.rows for part in runtime.store.ledger.held_parts()] == [1]
    exit_code, said = wasms("verify", "--as-of", "2027-01-02")
    assert exit_code == 1
    assert "row(s) kept by a legal hold that has ended" in said


def test_a_restored_key_of_an_ended_account_is_found(wasms, runtime):
    apply_retention(*runtime, as_of=AFTER)
    runtime.store.keyring.get(Purpose.PSEUDONYM, "leaver")
    for key in runtime.store.home.keys.rglob("*.key"):
        os.utime(key, (0, 0))

    exit_code, said = wasms("verify", "--as-of", str(AFTER))

    assert exit_code == 1
    assert "keys 1 pseudonym key(s)" in said


def test_a_restored_ledger_is_found_and_can_be_accepted_in_the_evidence(wasms, runtime):
    wasms("verify", "--as-of", str(AS_OF))
    runtime.store.ledger.checkpoint()
    backup = runtime.store.home.ledger_path.read_bytes()
    wasms("verify", "--as-of", str(AS_OF))
    for path in runtime.store.home.data.glob("ledger.sqlite*"):
        path.unlink()
    runtime.store.home.ledger_path.write_bytes(backup)

    exit_code, said = wasms("verify", "--as-of", str(AS_OF))
    assert exit_code == 1
    assert "restored from a backup" in said

    exit_code, said = wasms("verify", "--accept-restored", "--as-of", str(AS_OF))
    assert exit_code == 0
    assert "Noted as entry" in said
    assert evidence.RESTORED in [entry.kind for entry in evidence.entries(runtime.store.ledger)]


def test_the_report_is_one_page_that_loads_nothing_and_escapes_everything(wasms, tmp_path):
    out = tmp_path / "page.html"

    exit_code, said = wasms("report", "--out", str(out), "--as-of", str(AS_OF))

    assert exit_code == 0
    assert "Nothing is past its window." in said
    html = out.read_text("utf-8")
    assert not re.search(r"<script|<link|<img|@import|url\(|https?://", html)
    assert "<b>invoices" not in html
    assert out.stat().st_mode & 0o077 == 0


def test_the_report_says_what_is_stored_held_ending_deleted_and_proved(runtime):
    apply_retention(*runtime, as_of=SENT + timedelta(days=91))
    as_of = SENT + timedelta(days=92)

    html = page(
        make_report(
            *runtime,
            as_of=as_of,
            verified=prove(*runtime, as_of=as_of),
        )
    )

    words = re.sub(r"<[^>]+>", " ", html)
    for shown in (
        "Nothing is past its window.",
        "Legal basis not confirmed",
        "app__messages",
        "90 days after the event",
        "hold-7",
        "app__messages, of all persons, whenever",
        "3 row(s) of 3 data set(s): 3 by end of the account.",
        "1 row(s) retained under a legal hold.",
        "account ended and erased",
        "docs/privacy-officer.md",
    ):
        assert shown in " ".join(words.split())
    assert "leaver" not in html


def test_the_report_says_in_red_what_is_not_as_promised(runtime):
    verified = prove(*runtime, as_of=AFTER)

    html = page(make_report(*runtime, as_of=AFTER, verified=verified))

    assert 'class="result bad"' in html
    assert html.count("row(s) of accounts that have ended") == 3
    assert "leaver" in html, "an account that is about to end is named"


def test_an_empty_warehouse_has_a_page_too(home, tmp_path: Path):
    runtime = open_runtime(home)

    html = page(
        make_report(
            *runtime,
            as_of=AS_OF,
            verified=prove(*runtime, as_of=AS_OF),
        )
    )

    assert "Nothing has been deleted yet." in html
    assert "No hold is in force." in html
