"""The worst files we can think of: each a clear message or a quarantined record, never its value."""

import gzip
import json
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli.app import build_app
from pipelines.declarations.contract import load_contracts, parse_contract
from pipelines.declarations.errors import ContractError, PipelineError
from pipelines.ingestion.quarantine import list_quarantined
from pipelines.runtime import open_runtime
from tests.support.leaks import find_leaks
from warehouse.home import Home
from warehouse.store.reading import read_columns

AS_OF = "2026-05-20T12:00:00Z"
CANARY = "canary4915750001234"


def status(*, message_id: str = "wamid.one", at: str = "1779192000", **more: object) -> dict[str, object]:
    return {"id": message_id, "status": "sent", "timestamp": at, "recipient_id": "4915750001234", **more}


def body(*statuses: dict[str, object], channel: str = "111222333") -> str:
    value = {"metadata": {"phone_number_id": channel}, "statuses": list(statuses)}
    return json.dumps({"entry": [{"id": "900", "changes": [{"value": value, "field": "messages"}]}]})


@pytest.fixture
def ingest(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run `wasms ingest` on a file with the given content; returns exit code and everything printed."""
    monkeypatch.setenv("WASMS_HOME", str(home.root))

    def _ingest(source: str, content: bytes, *options: str, name: str = "landed.jsonl") -> tuple[int, str]:
        path = tmp_path / name
        path.write_bytes(content)
        result = CliRunner().invoke(build_app(), ["ingest", source, str(path), "--as-of", AS_OF, *options])
        return result.exit_code, result.output + str(result.exception or "")

    return _ingest


def kept(home: Home) -> dict[str, int]:
    return {c.source: c.rows for c in open_runtime(home).store.ledger.counts() if c.outcome == "kept"}


def reasons(home: Home) -> dict[str, int]:
    return {line.reason: line.records for line in list_quarantined(open_runtime(home).store)}


GOOD = body(status())
SETTINGS = (
    "workspace_id,message_log_retention_days,is_in_benchmarks,valid_from,updated_at\n"
    "ws_a,30,true,2026-05-01T00:00:00Z,2026-05-01T00:00:00Z\n"
)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (GOOD[:-20] + CANARY, "malformed_json"),
        (GOOD[:40] + "\0" + CANARY, "nul_byte"),
        (body(status(message_id=CANARY, at="4070908800")), "future_event"),
        (body(status(message_id=CANARY, at="soon")), "invalid_value:occurred_at"),
        (body(status(message_id="wamid.two")).replace('"sent"', f'"{CANARY}"'), "unexpected_value:status"),
        (
            json.dumps({"entry": [{"changes": [{"value": {CANARY: 1}, "field": CANARY}]}]}),
            "unrecognized_body:unknown_field",
        ),
        (body(status(message_id=CANARY * 350_000)), "record_too_large"),
    ],
    ids=["truncated", "nul byte", "of 2099", "no time", "unknown status", "unknown body", "6 MB cell"],
)
def test_a_bad_record_is_quarantined_and_the_rest_of_the_file_goes_on(home, ingest, line, reason):
    exit_code, output = ingest("whatsapp", f"{GOOD}\n{line}\n".encode(), "--workspace", "ws_a")

    assert exit_code == 3
    assert kept(home) == {"whatsapp__statuses": 1}
    assert reasons(home) == {reason: 1}
    assert CANARY not in output
    assert find_leaks(home, [CANARY]) == []


@pytest.mark.parametrize(
    ("content", "reason", "looks"),
    [
        (f"id;name\n1;{CANARY}\n2;b\n".encode(), "malformed_json", "a table separated by `;`"),
        (f"{CANARY},x\n".encode("utf-16"), "nul_byte", "text in UTF-16"),
        (b"\n".join([b'{"a": "' + CANARY.encode() + b'"}'] * 20), "unrecognized_body:no_entry", "JSON"),
        (f"{GOOD}\n".encode() + f"{CANARY}\n".encode() * 9, "malformed_json", "JSON"),
        (f"{body(status(at=CANARY))}\n".encode() * 10, "invalid_value:occurred_at", "JSON"),
    ],
    ids=["semicolons", "UTF-16", "other JSON", "nine of ten", "ten values"],
)
@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_a_file_that_nearly_all_fails_for_one_reason_is_refused_and_stays(
    home, ingest, tmp_path, content, reason, looks, options
):
    exit_code, output = ingest("whatsapp", content, "--workspace", "ws_a", *options)

    assert exit_code == 1
    assert reason in output
    assert f"looks like {looks}" in " ".join(output.split())
    assert CANARY not in output
    assert (tmp_path / "landed.jsonl").exists()
    assert (kept(home), reasons(home)) == ({}, {})
    assert find_leaks(home, [CANARY]) == []


@pytest.mark.parametrize(
    ("content", "taken", "why"),
    [
        (f"{GOOD}\n" + "canary\n" * 4, {"whatsapp__statuses": 1}, {"malformed_json": 4}),
        (body(status(at="soon")), {}, {"invalid_value:occurred_at": 1}),
    ],
    ids=["four of five", "one value"],
)
def test_a_few_bad_records_are_no_reason_to_refuse_a_file(home, ingest, content, taken, why):
    exit_code, _ = ingest("whatsapp", content.encode(), "--workspace", "ws_a")

    assert exit_code == 3
    assert (kept(home), reasons(home)) == (taken, why)


def test_members_of_a_group_are_rows_of_their_own_and_come_once(home, ingest):
    members = [{"recipient_participant_id": "4915750000001"}, {"recipient_participant_id": "4915750000002"}]
    members.append({"recipient_participant_user_id": "DE.7750003"})
    group = [status(recipient_id="Y2FwaV9ncm91cA", recipient_type="group", **member) for member in members]

    assert ingest("whatsapp", f"{body(*group)}\n".encode(), "--workspace", "ws_a")[0] == 0
    assert ingest("whatsapp", f"{body(*group)}\n\n".encode(), "--workspace", "ws_a")[0] == 0

    assert kept(home) == {"whatsapp__statuses": 3}


def test_a_cell_of_50_mb_is_quarantined_in_bounded_pieces(home, ingest):
    line = body(status(message_id=CANARY + "x" * 50_000_000))

    exit_code, output = ingest("whatsapp", f"{line}\n{GOOD}\n".encode(), "--workspace", "ws_a")

    assert exit_code == 3
    assert kept(home) == {"whatsapp__statuses": 1}
    assert reasons(home) == {"record_too_large": 1}
    assert CANARY not in output


@pytest.mark.parametrize(
    ("source", "name", "content"),
    [
        ("whatsapp", "landed.jsonl", f"{GOOD}\nnot json {CANARY}\n"),
        ("app", "workspace_settings.csv", SETTINGS),
    ],
)
def test_a_dry_run_says_what_would_happen_and_changes_nothing(home, ingest, tmp_path, source, name, content):
    options = ("--workspace", "ws_a") if source == "whatsapp" else ()

    _, output = ingest(source, content.encode(), "--dry-run", *options, name=name)

    assert "nothing was stored" in output
    assert "1" in output
    assert kept(home) == {}
    assert reasons(home) == {}
    assert not [path for path in home.store.rglob("*") if path.is_file()]
    assert (tmp_path / name).exists()
    assert open_runtime(home).store.ledger.clock() is None


def test_an_unknown_channel_waits_in_quarantine_until_channels_know_it(home, ingest):
    exit_code, _ = ingest("whatsapp", f"{GOOD}\n".encode())
    assert exit_code == 3
    assert reasons(home) == {"unknown_channel": 1}

    channels = (
        "workspace_id,provider,account_id,sender_id,display_phone_number,valid_from,valid_to,updated_at,deleted_at\n"
        "ws_a,whatsapp,900,111222333,,2026-01-01T00:00:00Z,,2026-01-01T00:00:00Z,\n"
    )
    assert ingest("app", channels.encode(), name="channels.csv")[0] == 0
    result = CliRunner().invoke(
        build_app(), ["quarantine", "retry", "--reason", "unknown_channel", "--as-of", "2026-05-22"]
    )

    assert result.exit_code == 0, result.output
    assert reasons(home) == {}
    assert kept(home)["whatsapp__statuses"] == 1
    # It was received when its file came, not when it was tried again.
    runtime = open_runtime(home)
    rows = read_columns(
        runtime.store,
        "whatsapp__statuses",
        schema=runtime.declarations.schemas["whatsapp__statuses"],
        columns=["received_at"],
    )
    assert rows["received_at"].to_pylist() == [datetime(2026, 5, 20, 12)]


@pytest.mark.parametrize("workspace", ["../../x", "a'; drop table", "", "x" * 65, "ws a"])
def test_a_hostile_workspace_id_is_refused_on_the_command_line(ingest, workspace):
    exit_code, output = ingest("whatsapp", f"{GOOD}\n".encode(), "--workspace", workspace)

    assert exit_code == 2
    assert "letters, digits" in output


@pytest.mark.parametrize("workspace", ["../../canary-x", "a'; drop table canary-x"])
def test_a_hostile_workspace_id_in_a_table_is_quarantined(home, ingest, workspace):
    rows = (
        "workspace_id,message_log_retention_days,is_in_benchmarks,valid_from,updated_at\n"
        f'"{workspace}",30,true,2026-05-01T00:00:00Z,2026-05-01T00:00:00Z\n'
        "ws_a,30,true,2026-05-01T00:00:00Z,2026-05-01T00:00:00Z\n"
    )

    exit_code, output = ingest("app", rows.encode(), name="workspace_settings.csv")

    assert exit_code == 3
    assert kept(home) == {"app__workspace_settings": 1}
    assert reasons(home) == {"unexpected_value:workspace_id": 1}
    assert "canary-x" not in output
    assert find_leaks(home, ["canary-x"]) == []


@pytest.mark.parametrize(
    ("source", "name", "content"),
    [
        ("app", "workspace_settings.csv", ""),
        ("app", "workspace_settings.csv", SETTINGS.splitlines()[0]),
        ("whatsapp", "landed.jsonl", "\n"),
    ],
)
def test_a_file_without_any_row_says_so(ingest, source, name, content):
    exit_code, output = ingest(source, content.encode(), name=name)

    assert exit_code == 0
    assert "1 file(s) without any row" in output


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_a_run_tells_how_many_files_lie_in_no_feeds_folder(home, ingest, options):
    for name in ("loose.csv", f"whatsap/{CANARY}.jsonl", "app/contacts/.hidden"):
        (home.inbox / name).parent.mkdir(parents=True, exist_ok=True)
        (home.inbox / name).touch()

    result = CliRunner().invoke(build_app(), ["run", "--as-of", "2026-05-20", *options])

    assert result.exit_code == 0
    assert "2 file(s) in the inbox lie in no feed's folder" in result.output
    assert CANARY not in result.output


def test_one_unreadable_table_neither_stops_nor_spoils_the_run_of_the_others(home, ingest, monkeypatch):
    settings = home.inbox / "app" / "workspace_settings"
    settings.mkdir(parents=True)
    torn = SETTINGS + f'ws_b,30,"{CANARY},2026-05-01T00:00:00Z,2026-05-01T00:00:00Z\n'
    (settings / "a.csv").write_text(torn + SETTINGS.splitlines()[1].replace("ws_a", "ws_c"), "utf-8")
    (settings / "b.csv").write_text(f"workspace_id;{CANARY}\n", "utf-8")
    (settings / "c.xlsx").write_bytes(CANARY.encode())
    (settings / "d.csv").write_text(SETTINGS.replace("ws_a", "ws_d").replace("\n", "\r"), "utf-8")

    result = CliRunner().invoke(build_app(), ["run", "--as-of", "2026-05-20"])

    assert result.exit_code == 1
    assert kept(home) == {"app__workspace_settings": 3}
    assert reasons(home) == {"malformed_row": 1}
    retried = CliRunner().invoke(build_app(), ["quarantine", "retry", "--as-of", "2026-05-20"])
    assert (retried.exit_code, reasons(home)) == (3, {"malformed_row": 1})
    assert sorted(path.name for path in settings.iterdir()) == ["b.csv", "c.xlsx"]
    assert CANARY not in result.output + str(result.exception)
    for path in settings.iterdir():
        path.unlink()
    assert find_leaks(home, [CANARY]) == []


def test_contacts_of_a_spreadsheet_are_the_contacts_of_the_messages(home, ingest):
    at = "2026-05-01T00:00:00Z"
    ingest("app", f"workspace_id,country,updated_at\nws_a,DE,{at}\n".encode(), name="workspaces.csv")
    phones = ["4915750001234.0", "0157 50001234", "'+49 157 50001234", "4.91575E+12", "4.91575E+12", "n/a"]
    rows = "".join(f"ws_a;c-{i};{phone};{at}\n" for i, phone in enumerate(phones))
    exit_code, output = ingest(
        "app", f"sep=;\nworkspace_id;contact_id;phone;updated_at\n{rows}".encode(), name="contacts.csv"
    )

    runtime = open_runtime(home)
    read = read_columns(
        runtime.store,
        "app__contacts",
        schema=runtime.declarations.schemas["app__contacts"],
        columns=["contact_token", "contact_country"],
    ).to_pylist()

    assert (exit_code, kept(home)["app__contacts"]) == (0, 6)
    assert "app__contacts.phone: 3 value(s)" in output
    named = [row for row in read if row["contact_token"]]
    assert len(named) == 3
    assert len({row["contact_token"] for row in named}) == 1
    assert {row["contact_country"] for row in named} == {"DE"}
    assert {row["contact_country"] for row in read} == {"DE", None}


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_a_corrupt_archive_loads_nothing_and_stays(home, ingest, tmp_path, suffix):
    content = (
        gzip.compress((GOOD + "\n").encode() * 2000)[:-30]
        if suffix == "gz"
        else b"\x28\xb5\x2f\xfd" + b"x" * 99
    )

    exit_code, output = ingest("whatsapp", content, "--workspace", "ws_a", name=f"landed.jsonl.{suffix}")

    assert exit_code == 1
    assert "cut off" in output or "corrupt" in output
    assert kept(home) == {}
    assert not [p for p in home.store.rglob("*") if p.is_file()]
    assert (tmp_path / f"landed.jsonl.{suffix}").exists()


def test_an_undeclared_column_stops_a_table_and_is_only_counted_in_a_provider_body(home, ingest, tmp_path):
    table = (
        "workspace_id,message_log_retention_days,is_in_benchmarks,valid_from,updated_at,iban\n"
        f"ws_a,30,true,2026-05-01T00:00:00Z,2026-05-01T00:00:00Z,{CANARY}\n"
    )

    exit_code, output = ingest("app", table.encode(), name="workspace_settings.csv")

    assert exit_code == 1
    assert "pipelines/contracts/app__workspace_settings.yml" in output
    assert kept(home) == {}
    assert CANARY not in output

    exit_code, output = ingest(
        "whatsapp", (body(status(iban_of_the_future=CANARY)) + "\n").encode(), "--workspace", "ws_a"
    )

    assert exit_code == 0
    assert "1 row(s) carried undeclared columns" in output
    assert "iban_of_the_future" not in output
    assert kept(home) == {"whatsapp__statuses": 1}
    assert find_leaks(home, [CANARY]) == []


def test_a_column_without_a_treatment_does_not_load():
    name, contract = next(iter(load_contracts().items()))
    del contract
    text = (Path("pipelines/contracts") / f"{name}.yml").read_text("utf-8")

    with pytest.raises(ContractError, match="treatment"):
        parse_contract(text.replace("    treatment: keep\n", "", 1), name=name)


def test_the_clock_does_not_run_backwards(ingest, home):
    assert ingest("whatsapp", f"{GOOD}\n".encode(), "--workspace", "ws_a")[0] == 0

    result = CliRunner().invoke(build_app(), ["run", "--as-of", "2026-05-01"])

    assert isinstance(result.exception, Exception)
    assert not isinstance(result.exception, PipelineError)
    assert "earlier" in str(result.exception)


def test_rows_past_their_window_are_dropped_and_counted(home, ingest):
    old = body(status(at="1700000000"))

    exit_code, output = ingest(
        "whatsapp", f"{old}\n{GOOD}\n".encode(), "--workspace", "ws_a", "--received-at", AS_OF
    )

    assert exit_code == 0
    assert "dropped: expired 1" in " ".join(output.split())
    assert kept(home) == {"whatsapp__statuses": 1}


@pytest.mark.parametrize(
    ("content", "looks"),
    [
        (f"ERROR:root:{CANARY}\nERROR:root:again\n", "a log whose entries name no time"),
        (f'192.0.2.7 - - [18/Nov/2026:10:00:00 +0000] "GET /{CANARY} HTTP/1.1" 200 1\n', "an access log"),
        (f"18.11.2026 10:00:00 {CANARY}\n", "text"),
    ],
)
def test_an_error_log_of_a_form_that_nobody_knows_is_refused_and_stays(
    home, ingest, tmp_path, content, looks
):
    exit_code, output = ingest("error_log", content.encode(), name="error.log")

    assert exit_code == 1
    assert f"looks like {looks}." in " ".join(output.split())
    assert CANARY not in output
    assert kept(home) == reasons(home) == {}
    assert (tmp_path / "error.log").exists()
