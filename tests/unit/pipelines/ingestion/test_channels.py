"""Receipts are read as their channel declares: the operator's clock, the base of its message ids."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.declarations.contract import contracts_of
from pipelines.ingestion.ingest import ingest_file
from pipelines.ingestion.options import Options
from pipelines.runtime import Runtime, open_runtime
from tests.support.feeding import give, outcomes
from warehouse.store.reading import read_columns

NOW = datetime(2026, 7, 2)
RECEIVED = "2026-07-01T10:00:30Z"


@pytest.fixture
def runtime(home) -> Runtime:
    return open_runtime(home)


def channel(sender: str, **declared: object) -> dict[str, object]:
    start = datetime(2026, 1, 1)
    row = {"workspace_id": "ws_a", "provider": "smpp", "sender_id": sender, "valid_from": start}
    return {**row, "updated_at": start, "time_zone": "", "receipt_ids": "", **declared}


def receive(runtime: Runtime, folder: Path, feed: str, *bodies: tuple[str, str], **options: Any):
    records = [{"received_at": RECEIVED, "channel": name, "body": body} for name, body in bodies]
    path = folder / "landed.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    contracts = contracts_of(feed, runtime.declarations.contracts)
    return ingest_file(*runtime, path, contracts=contracts, options=Options(as_of=NOW, **options))


def stored(runtime: Runtime, source: str, *columns: str) -> list[tuple[Any, ...]]:
    table = read_columns(
        runtime.store,
        source,
        schema=runtime.declarations.schemas[source],
        columns=columns,
    )
    return sorted(tuple(row.values()) for row in table.to_pylist())


def test_times_of_receipts_are_on_the_clock_that_the_channel_declares(runtime, tmp_path):
    zones = {"utc": "", "berlin": "Europe/Berlin", "lima": "America/Lima"}
    give(runtime, "app__channels", *(channel(k, time_zone=v) for k, v in zones.items()), as_of=NOW)
    body = "id:{} submit date:2607011200 done date:{} stat:DELIVRD"
    at = {"utc": "2607011000", "berlin": "2607011200", "lima": "260701050000"}
    # These say their zone.
    offsets = ("2026-07-01T10:00:00Z", "2026-07-01 12:00:00+02:00", "260701100000000+", "1782900000")
    times = [*at.items(), *(("berlin", done) for done in offsets)]

    result = receive(
        runtime, tmp_path, "smpp", *((f"smpp/{k}", body.format(i, done)) for i, (k, done) in enumerate(times))
    )

    assert outcomes(result) == {"kept": 7}
    assert stored(runtime, "smpp__receipts", "occurred_at") == [(datetime(2026, 7, 1, 10),)] * 7
    assert stored(runtime, "smpp__receipts", "submitted_at") == [
        (datetime(2026, 7, 1, hour),) for hour in (10, 10, 10, 10, 10, 12, 17)
    ]


@pytest.mark.parametrize("name", ["smpp/op-1", "op-1", "smpp/op-1/receipts"])
def test_an_envelope_may_name_its_channel_with_or_without_the_provider(runtime, tmp_path, name):
    give(runtime, "app__channels", channel("op-1"), as_of=NOW)

    result = receive(runtime, tmp_path, "smpp", (name, "id:7 stat:DELIVRD"))

    assert outcomes(result) == {"kept": 1}


@pytest.mark.parametrize("workspace", [None, "ws_b"])
def test_a_receipt_without_a_time_or_of_an_hour_that_never_was_happened_when_we_were_told(
    runtime, tmp_path, workspace
):
    give(runtime, "app__channels", channel("berlin", time_zone="Europe/Berlin"), as_of=NOW)

    receive(
        runtime,
        tmp_path,
        "smpp",
        ("smpp/berlin", "id:1 stat:UNDELIV"),
        ("smpp/berlin", "id:2 done date:2603290230 stat:DELIVRD"),
        ("smpp/berlin", "id:3 done date:2607011200 stat:DELIVRD"),
        workspace=workspace,
    )

    assert stored(runtime, "smpp__receipts", "occurred_at") == [
        (datetime(2026, 7, 1, 10),),
        *[(datetime(2026, 7, 1, 10, 0, 30),)] * 2,
    ]


def test_a_zone_that_nobody_knows_is_refused_at_the_door(runtime):
    rows = (channel("op", time_zone="Europe/Berlim"), channel("other"))
    result = give(runtime, "app__channels", *rows, as_of=NOW)

    workspaces = [
        {"workspace_id": f"ws_{i}", "time_zone": zone, "created_at": NOW, "updated_at": NOW}
        for i, zone in enumerate(("America/SaoPaulo", "America/Sao_Paulo", ""))
    ]
    shops = give(runtime, "app__workspaces", *workspaces, as_of=NOW)

    assert outcomes(result) == {"kept": 1, "invalid_value:time_zone": 1}
    assert outcomes(shops) == {"kept": 2, "invalid_value:time_zone": 1}


@pytest.mark.parametrize(
    ("receipt_ids", "response", "receipt", "is_one"),
    [
        # Without a declaration, letters say what is hexadecimal.
        ("", "33E95179", "870928761", True),
        ("", "33e95179", "0x33E95179", True),
        ("", "870928761", "0000870928761", True),
        ("", "12345678", "305419896", False),
        ("decimal", "12345678", "305419896", True),
        ("decimal", "33E95179", "870928761", True),
        ("hexadecimal", "305419896", "12345678", True),
        ("hexadecimal", "870928761", "33e95179", True),
        ("decimal", "7b6e-1", "7b6e-1", True),
    ],
)
def test_one_message_id_in_two_bases_is_one(runtime, tmp_path, receipt_ids, response, receipt, is_one):
    give(runtime, "app__channels", channel("op", receipt_ids=receipt_ids), as_of=NOW)
    sent = {"workspace_id": "ws_a", "outbox_id": "o1", "message_id": response, "channel": "sms"}
    sent |= {"provider": "smpp", "recipient": "+4915100000001", "outcome": "accepted", "sender_id": "op"}
    give(runtime, "app__messages", {**sent, "queued_at": datetime(2026, 7, 1, 9)}, as_of=NOW)

    receive(runtime, tmp_path, "smpp", ("smpp/op", f"id:{receipt} stat:DELIVRD"))

    ((one, operator),) = stored(runtime, "smpp__receipts", "message_token", "operator_token")
    ((other, sender),) = stored(runtime, "app__messages", "message_token", "sender_token")
    assert (one == other, operator == sender) == (is_one, True)


def test_equal_receipts_of_two_operators_are_two(runtime, tmp_path):
    give(runtime, "app__channels", channel("op-1"), channel("op-2"), as_of=NOW)
    body = "id:1 done date:2607011000 stat:DELIVRD"

    result = receive(runtime, tmp_path, "smpp", ("smpp/op-1", body), ("smpp/op-2", body), ("smpp/op-1", body))

    assert outcomes(result) == {"kept": 2, "duplicate": 1}


def test_an_address_of_whatsapp_finds_its_channel_and_is_the_contact_of_its_number(runtime, tmp_path):
    sender = channel("whatsapp:+14155550100", provider="twilio")
    give(runtime, "app__channels", sender, as_of=NOW)
    body = "MessageSid=SM{}&Body=hi&From={}%2B4915100000001&To={}%2B14155550100"

    result = receive(
        runtime,
        tmp_path,
        "twilio",
        ("twilio/x", body.format(1, "whatsapp%3A", "whatsapp%3A")),
        ("twilio/whatsapp:+14155550100", body.format(2, "", "").replace("14155550100", "1")),
    )

    assert outcomes(result) == {"kept": 2}
    rows = stored(runtime, "twilio__inbound", "channel", "contact_token", "contact_country")
    assert [row[0] for row in rows] == ["sms", "whatsapp"]
    assert rows[0][1:] == rows[1][1:]


@pytest.mark.parametrize(
    ("done", "workspace"),
    [
        # On the operator's clock, two hours ahead; received at 10:00:30.
        ("2607011129", "ws_a"),
        ("2607011131", "ws_b"),
        # Later than we were told, by a clock that is ahead.
        ("2607011530", "ws_b"),
        # Before anybody is known to have had it: nobody's.
        ("2605011000", None),
    ],
)
def test_an_event_is_of_the_workspace_that_had_the_channel_when_it_happened(
    runtime, tmp_path, done, workspace
):
    moved, began = datetime(2026, 7, 1, 9, 30), datetime(2026, 6, 1)
    before = channel("op", valid_from=began, valid_to=moved, time_zone="Europe/Berlin")
    after = before | {"workspace_id": "ws_b", "valid_from": moved, "valid_to": ""}
    give(runtime, "app__channels", before, after, as_of=NOW)

    result = receive(runtime, tmp_path, "smpp", ("smpp/op", f"id:1 done date:{done} stat:DELIVRD"))

    assert stored(runtime, "smpp__receipts", "workspace_id") == ([(workspace,)] if workspace else [])
    assert outcomes(result) == {"kept": 1} if workspace else {"unknown_channel": 1}


@pytest.mark.parametrize(("had_another_owner", "outcome"), [(False, "kept"), (True, "unknown_channel")])
def test_an_event_before_its_channel_was_known_is_of_its_one_owner_or_nobodys(
    runtime, tmp_path, had_another_owner, outcome
):
    start = datetime(2026, 6, 30)
    rows = [channel("op", valid_from=start)]
    if had_another_owner:
        later = datetime(2027, 1, 1)
        rows = [rows[0] | {"valid_to": later}, rows[0] | {"workspace_id": "ws_b", "valid_from": later}]
    give(runtime, "app__channels", *rows, as_of=NOW)

    result = receive(runtime, tmp_path, "smpp", ("smpp/op", "id:1 done date:2606292359 stat:DELIVRD"))

    assert outcomes(result) == {outcome: 1}
