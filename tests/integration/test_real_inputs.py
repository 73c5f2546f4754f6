"""Inputs that nobody here wrote, through the command line, with every row accounted for."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines.cli.app import build_app
from pipelines.declarations.contract import load_contracts
from pipelines.runtime import open_runtime
from tests.support.leaks import find_leaks
from warehouse.home import Home
from warehouse.ledger.batches import Count
from warehouse.store.session import open_session

# Keys of a webhook body whose values are personal, or might be.
PERSONAL = {
    *("wa_id", "from", "recipient_id", "user_id", "parent_user_id", "display_phone_number", "phone"),
    *("name", "first_name", "last_name", "formatted_name", "body", "caption", "filename", "address", "text"),
    *("recipient_participant_id", "recipient_participant_user_id", "biz_opaque_callback_data", "message_id"),
    *("latitude", "longitude", "url", "emoji", "hash", "sha256", "headline"),
}


def wasms(*arguments: str, exit_code: int = 0) -> None:
    result = CliRunner().invoke(build_app(), list(arguments))
    assert result.exit_code == exit_code, result.output


def query(home: Home, sql: str) -> list[dict[str, Any]]:
    with open_session(home, schemas=open_runtime(home).declarations.schemas) as connection:
        return connection.execute(sql).to_arrow_table().to_pylist()


def values_of(node: Any, keys: set[str]) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key in keys and isinstance(value, str | int | float):
                yield str(value)
            yield from values_of(value, keys)
    elif isinstance(node, list):
        for item in node:
            yield from values_of(item, keys)


@pytest.fixture
def bodies(real_data: Path) -> list[dict[str, Any]]:
    """Every body of every case."""
    return [
        body
        for path in sorted((real_data / "whatsapp").glob("*.json"))
        for body in json.loads(path.read_text("utf-8")).values()
    ]


@dataclass(frozen=True)
class Ingested:
    """All rows that any ingestion stored: by the time of the last one, the first have expired."""

    home: Home
    rows: dict[str, list[dict[str, Any]]]


@pytest.fixture
def ingested(bodies: list[dict[str, Any]], home: Home, tmp_path: Path) -> Ingested:
    """The bodies as JSONL files by day, each ingested at its own time, oldest first."""
    rows: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    by_day: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for body in bodies:
        latest = max(int(t) for t in values_of(body, {"timestamp", "time"}))
        by_day[datetime.fromtimestamp(latest, UTC).date().isoformat()].append(body)
    for day, of_day in sorted(by_day.items()):
        path = tmp_path / f"{day}.jsonl"
        path.write_text("".join(json.dumps(body) + "\n" for body in of_day), "utf-8")
        at = f"{day}T23:59:59Z"
        wasms("ingest", "whatsapp", str(path), "--workspace", "ws_real", "--as-of", at, "--received-at", at)
        for source in (name for name in load_contracts() if name.startswith("whatsapp")):
            rows[source] |= {row["event_id"]: row for row in query(home, f"from memory.store.{source}")}
    return Ingested(home, {source: list(of_source.values()) for source, of_source in rows.items()})


@pytest.fixture(autouse=True)
def _home_of_the_commands(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WASMS_HOME", str(home.root))


def distinct(bodies: list[dict[str, Any]], array: str, *, kind: str) -> tuple[int, int]:
    """How many items stand in the bodies, and how many of them are different events."""
    items = [
        item
        for body in bodies
        for entry in body["entry"]
        for change in entry["changes"]
        for item in change["value"].get(array, [])
    ]
    return len(items), len({(item["id"], item[kind], item["timestamp"]) for item in items})


@pytest.mark.parametrize(
    ("array", "kind", "source"),
    [("statuses", "status", "whatsapp__statuses"), ("messages", "type", "whatsapp__messages")],
)
def test_every_status_and_message_of_every_case_is_one_row(ingested, bodies, array, kind, source):
    in_all, events = distinct(bodies, array, kind=kind)

    counts = {
        c.outcome: c.rows for c in open_runtime(ingested.home).store.ledger.counts() if c.source == source
    }

    assert counts == {"kept": events, "duplicate": in_all - events}
    assert len(ingested.rows[source]) == events


def test_each_case_by_itself_is_as_many_rows_as_it_has_items(bodies, tmp_path, monkeypatch):
    for number, body in enumerate(bodies):
        home = Home(tmp_path / f"home{number}").create()
        monkeypatch.setenv("WASMS_HOME", str(home.root))
        path = tmp_path / "case.jsonl"
        path.write_text(json.dumps(body), "utf-8")
        at = datetime.fromtimestamp(max(map(int, values_of(body, {"timestamp", "time"}))), UTC).isoformat()

        wasms("ingest", "whatsapp", str(path), "--workspace", "ws_real", "--as-of", at, "--received-at", at)

        items = sum(
            len(change["value"].get(array, []))
            for entry in body["entry"]
            for change in entry["changes"]
            for array in ("statuses", "messages", "user_preferences", "errors")
        ) + sum("message_template_id" in c["value"] for e in body["entry"] for c in e["changes"])
        kept = sum(c.rows for c in open_runtime(home).store.ledger.counts() if c.outcome == "kept")
        assert kept == items > 0


def test_statuses_are_of_the_right_message_and_time(ingested):
    rows = [row for row in ingested.rows["whatsapp__statuses"] if row["recipient_type"] != "group"]

    assert len({row["message_token"] for row in rows}) == 1
    assert {(row["status"], str(row["occurred_at"])) for row in rows} == {
        ("sent", "2023-10-25 20:49:05"),
        ("delivered", "2023-10-25 20:49:05"),
        ("read", "2023-07-15 00:20:58"),
        ("played", "2023-07-15 00:20:58"),
        ("failed", "2023-07-15 00:20:58"),
    }
    assert {row["error_code"] for row in rows if row["status"] == "failed"} == {130472}


def test_preferences_and_template_notices_are_recorded(ingested):
    preferences = ingested.rows["whatsapp__preferences"]
    templates = ingested.rows["whatsapp__template_updates"]

    assert sorted(row["preference"] for row in preferences) == ["resume", "signup"]
    assert len({row["contact_token"] for row in preferences}) == 1
    assert {(row["event"], row["new_quality"]) for row in templates} == {
        ("APPROVED", None),
        ("REJECTED", None),
        (None, "YELLOW"),
    }


def test_nothing_personal_of_the_bodies_is_in_any_file(ingested, bodies):
    ids = {value for value in values_of(bodies, {"id"}) if value.startswith("wamid.")}
    needles = {value for value in {*values_of(bodies, PERSONAL), *ids} if len(value) >= 5}

    assert len(needles) > 50
    assert find_leaks(ingested.home, sorted(needles)) == []
    stored = repr(ingested.rows)
    assert not [needle for needle in needles if needle in stored]


def test_ten_thousand_access_log_lines_add_up_and_keep_no_address(real_data, home, tmp_path):
    source = real_data / "text" / "access_combined.log"
    path = tmp_path / "access.log"
    path.write_bytes(source.read_bytes())
    addresses = sorted({line.split()[0] for line in source.read_text("utf-8").splitlines()})

    # One line of the file ends within its last field.
    wasms("ingest", "access_log", str(path), "--as-of", "2015-05-21", exit_code=3)

    counts = open_runtime(home).store.ledger.counts()
    assert counts == [
        Count("web__access_logs", "kept", "", 9_999),
        Count("web__access_logs", "quarantined", "malformed_line", 1),
    ]
    networks = {row["ip_network"] for row in query(home, "from memory.store.web__access_logs")}
    assert all(network.endswith((".0/24", "::/48")) for network in networks)
    assert find_leaks(home, [a for a in addresses if not a.endswith(".0")]) == []
