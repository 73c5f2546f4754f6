"""A wrong clock traps nobody: what it would do is refused before anything is stored, deleted or moved."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli.app import build_app
from pipelines.retention.closing import close_days
from pipelines.runtime import open_runtime
from warehouse.errors import ClockError, ImplausibleClockError
from warehouse.home import Home
from warehouse.retention import evidence, records
from warehouse.retention.clock import CLOCK_SET_BACK

DAY = datetime(2026, 5, 20, 12)
FUTURE = f"{datetime.now(UTC).year + 10}-01-01"


def statuses(number: int) -> str:
    """Bodies with one status each, sent on the day."""
    bodies = (
        {
            "id": f"wamid.{n}",
            "status": "sent",
            "timestamp": str(int(DAY.replace(tzinfo=UTC).timestamp()) - n),
            "recipient_id": "4915750001234",
        }
        for n in range(number)
    )
    values = ({"metadata": {"phone_number_id": "111222333"}, "statuses": [each]} for each in bodies)
    changes = ({"entry": [{"id": "900", "changes": [{"value": v, "field": "messages"}]}]} for v in values)
    return "".join(json.dumps(each) + "\n" for each in changes)


@pytest.fixture
def wasms(home: Home, monkeypatch: pytest.MonkeyPatch):
    """Run a command on the warehouse; return its exit code and what it said."""
    monkeypatch.setenv("WASMS_HOME", str(home.root))

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(build_app(), [str(each) for each in arguments])
        return result.exit_code, f"{result.output}{result.exception or ''}"

    return run


def clock(home: Home) -> datetime | None:
    return open_runtime(home).store.ledger.clock()


def write(path: Path, number: int = 30) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(statuses(number), "utf-8")
    return path


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    "command",
    [("ingest", "whatsapp", "FILE", "--workspace", "ws_a"), ("run",), ("quarantine", "retry")],
    ids=["ingest", "run", "quarantine retry"],
)
def test_a_clock_in_the_future_is_refused_and_moves_nothing(home, wasms, tmp_path, command):
    landed = write(tmp_path / "landed.jsonl")
    asked = [str(landed) if each == "FILE" else each for each in command]

    code, said = wasms(*asked, "--as-of", FUTURE)

    assert code == 1
    assert "lies in the future" in said
    assert landed.exists()
    assert clock(home) is None


def test_a_demo_may_lie_in_the_future(home, wasms):
    open_runtime(home).store.ledger.mark_demo()

    code, said = wasms("run", "--as-of", FUTURE)

    assert code == 0, said


def test_a_long_step_forward_needs_a_persons_word(home, wasms, tmp_path):
    first, second = write(tmp_path / "first.jsonl"), write(tmp_path / "second.jsonl", 1)
    asked = ("ingest", "whatsapp", "--workspace", "ws_a")
    assert wasms(*asked, first, "--as-of", "2026-05-20T12:00:00Z")[0] == 0

    code, said = wasms(*asked, second, "--as-of", "2026-10-01")
    sure, _ = wasms(*asked, second, "--as-of", "2026-10-01", "--clock-is-right")

    assert code == 1
    assert "add --clock-is-right" in said
    assert sure == 0
    assert clock(home) == datetime(2026, 10, 1)


def test_a_file_most_of_whose_rows_are_past_their_window_needs_a_yes(home, wasms, tmp_path):
    landed = write(tmp_path / "landed.jsonl")
    asked = ("ingest", "whatsapp", landed, "--workspace", "ws_a", "--remove")

    code, said = wasms(*asked, "--as-of", "2026-10-01")

    assert code == 1
    assert "30 of 30 rows are past their retention window" in said
    assert landed.exists()
    assert clock(home) is None
    # Nothing was noted of it: with the right clock it loads.
    assert wasms(*asked, "--as-of", "2026-05-20T12:00:00Z")[0] == 0
    assert not landed.exists()


def test_with_a_yes_expired_rows_are_dropped_and_counted(home, wasms, tmp_path):
    landed = write(tmp_path / "landed.jsonl")
    asked = ("ingest", "whatsapp", landed, "--workspace", "ws_a", "--as-of", "2026-10-01", "--allow-expired")

    assert wasms(*asked)[0] == 0

    counts = {(c.outcome, c.reason): c.rows for c in open_runtime(home).store.ledger.counts()}
    assert counts == {("dropped", "expired"): 30}


def test_an_earlier_day_is_refused_and_within_one_day_any_order_is_allowed(home):
    ledger = open_runtime(home).store.ledger
    ledger.advance_clock(DAY)

    ledger.check_clock(DAY - timedelta(hours=3))
    with pytest.raises(ClockError):
        ledger.check_clock(DAY - timedelta(days=1))
    ledger.advance_clock(DAY - timedelta(days=1))

    assert ledger.clock() == DAY


def test_files_outside_of_the_inbox_stay_unless_they_are_to_be_removed(home, wasms, tmp_path):
    outside = write(tmp_path / "outside.jsonl", 1)
    inside = write(home.inbox / "whatsapp" / "inside.jsonl", 2)
    asked = ("ingest", "whatsapp", "--workspace", "ws_a", "--as-of", "2026-05-20T12:00:00Z")

    assert wasms(*asked, outside, inside)[0] == 0
    assert (outside.exists(), inside.exists()) == (True, False)

    assert wasms(*asked, outside, "--remove")[0] == 0
    assert not outside.exists()


@pytest.mark.parametrize("named", ["", "  "])
def test_an_empty_home_is_an_error_and_not_the_folder_here(wasms, monkeypatch, tmp_path, named):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("WASMS_HOME", named)

    code, said = wasms("run")

    assert code == 1
    assert "WASMS_HOME is empty" in said
    assert list(here.iterdir()) == []


def test_trying_again_what_still_fails_exits_with_three(home, wasms, tmp_path):
    landed = write(tmp_path / "landed.jsonl", 1)
    asked = ("--as-of", "2026-05-20T12:00:00Z")
    assert wasms("ingest", "whatsapp", landed, *asked)[0] == 3

    assert wasms("quarantine", "retry", *asked)[0] == 3
    assert wasms("quarantine", "retry", "--workspace", "ws_a", *asked)[0] == 0


def test_the_message_names_both_days(home):
    error = ImplausibleClockError(DAY, "is late.")

    assert str(error) == "--as-of 2026-05-20T12:00:00Z is late. Nothing was changed."


AT_NOON, LATER = "2026-05-20T12:00:00Z", "2026-10-01"


@pytest.fixture
def far_ahead(home, wasms, tmp_path) -> Path:
    """A file of 30 rows, loaded and then deleted by a clock that was four months ahead."""
    landed = write(tmp_path / "landed.jsonl")
    assert wasms("ingest", "whatsapp", landed, "--workspace", "ws_a", "--as-of", AT_NOON)[0] == 0
    assert close(home, LATER) == 30
    return landed


def close(home: Home, day: str) -> int:
    return close_days(*open_runtime(home), as_of=datetime.fromisoformat(day))


def test_what_a_wrong_clock_did_is_repaired_by_a_command_that_leaves_evidence(home, wasms, far_ahead):
    again = ("ingest", "whatsapp", far_ahead, "--workspace", "ws_a", "--as-of", "2026-05-21T12:00:00Z")
    assert "set-clock-back" in wasms(*again)[1]

    code, said = wasms("retention", "set-clock-back", "--to", "2026-05-21", "--yes")

    assert code == 0, said
    assert "30 row(s) were deleted in the meantime and are lost" in said
    assert clock(home) == datetime(2026, 5, 21)
    assert wasms(*again)[0] == 0
    assert rows_of_statuses(home) == 30
    assert wasms("run", "--as-of", "2026-05-31")[0] == 0
    assert [entry.kind for entry in evidence.entries(open_runtime(home).store.ledger)].count(
        CLOCK_SET_BACK
    ) == 1
    assert wasms("retention", "verify", "--as-of", "2026-05-31")[0] == 0


def test_a_file_whose_rows_a_wrong_clock_dropped_may_be_loaded_again(home, wasms, tmp_path):
    landed = write(tmp_path / "landed.jsonl")
    asked = ("ingest", "whatsapp", landed, "--workspace", "ws_a")
    assert wasms(*asked, "--as-of", LATER, "--allow-expired")[0] == 0
    assert rows_of_statuses(home) == 0

    for _ in range(2):  # Also when it happens once more.
        assert wasms("retention", "set-clock-back", "--to", AT_NOON, "--yes")[0] == 0
        assert wasms(*asked, "--as-of", AT_NOON)[0] == 0
        assert rows_of_statuses(home) == 30
        close(home, "2026-06-20")


def test_setting_the_clock_back_is_shown_first(home, wasms, far_ahead):
    ledger = open_runtime(home).store.ledger
    before = [ledger.read(f"select * from {table}") for table in ("meta", "batches", "horizons", "evidence")]

    code, said = wasms("retention", "set-clock-back", "--to", "2026-05-21")

    assert code == 0
    assert "would be set back from 2026-10-01T00:00:00Z to 2026-05-21T00:00:00Z" in said
    after = [ledger.read(f"select * from {table}") for table in ("meta", "batches", "horizons", "evidence")]
    assert [[tuple(row) for row in rows] for rows in after] == [[tuple(r) for r in rows] for rows in before]


def test_a_clock_that_is_not_ahead_is_not_set_back(home, wasms, far_ahead):
    code, said = wasms("retention", "set-clock-back", "--to", "2026-10-02", "--yes")

    assert code == 1
    assert "not after" in said


def test_days_expire_after_the_repair_as_if_the_clock_had_never_been_wrong(home, wasms, far_ahead, tmp_path):
    other = Home(tmp_path / "other").create()
    close(other, "2026-05-21")

    assert wasms("retention", "set-clock-back", "--to", "2026-05-21", "--yes")[0] == 0
    close(home, "2026-05-21")

    assert records.horizons(open_runtime(home).store.ledger) == records.horizons(
        open_runtime(other).store.ledger
    )


def rows_of_statuses(home: Home) -> int:
    parts = open_runtime(home).store.ledger.live_parts()
    return sum(part.rows for part in parts if part.source == "whatsapp__statuses")
