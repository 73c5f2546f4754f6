import json
from datetime import datetime
from typing import Any

import pytest


def body(*values: dict[str, Any], account: str = "acc-1") -> dict[str, Any]:
    changes = [{"field": "messages", "value": value} for value in values]
    return {"object": "whatsapp_business_account", "entry": [{"id": account, "time": 5, "changes": changes}]}


def status(message: str, state: str = "sent", **more: Any) -> dict[str, Any]:
    return {"id": message, "status": state, "timestamp": "1772359200", "recipient_id": "4915550001", **more}


def raw(value: object) -> bytes:
    return json.dumps(value).encode()


def test_every_status_of_every_change_is_one_row(parse):
    value = {"metadata": {"phone_number_id": "pn-1"}, "statuses": [status("m-1"), status("m-2", "read")]}

    result = parse("whatsapp", raw(body(value, {"statuses": [status("m-3")]})), raw(body(value)))

    rows = result.rows("whatsapp__statuses")
    assert [
        (r["_record"], r["message_id"], r["status"], r["phone_number_id"], r["account_id"]) for r in rows
    ] == [
        (1, "m-1", "sent", "pn-1", "acc-1"),
        (1, "m-2", "read", "pn-1", "acc-1"),
        (1, "m-3", "sent", None, "acc-1"),
        (2, "m-1", "sent", "pn-1", "acc-1"),
        (2, "m-2", "read", "pn-1", "acc-1"),
    ]
    assert {r["occurred_at"] for r in rows} == {datetime(2026, 3, 1, 10)}
    assert (result.rows_read, result.rejected) == (5, [])


def test_one_change_feeds_every_contract_it_holds_rows_of(parse):
    value = {
        "statuses": [
            status("m-1", errors=[{"code": 131047}], pricing={"billable": True, "category": "utility"})
        ],
        "messages": [{"id": "m-2", "type": "text", "timestamp": 1772359200, "text": {"body": "hello"}}],
        "errors": [{"code": 130429, "title": "limit"}],
        "user_preferences": [{"category": "marketing_messages", "value": "stop", "timestamp": 1772359200}],
    }

    result = parse("whatsapp", raw(body(value)))

    assert result.column("whatsapp__statuses", "error_code") == [131047]
    assert result.column("whatsapp__statuses", "is_billable") == [True]
    assert result.column("whatsapp__messages", "body") == ["hello"]
    assert result.column("whatsapp__errors", "code") == [130429]
    assert result.column("whatsapp__preferences", "value") == ["stop"]
    assert (result.rows_read, result.unknown) == (4, {})


def test_a_template_notice_is_one_row_with_the_time_of_its_entry(parse):
    value = {
        "message_template_id": 77,
        "event": "APPROVED",
        "message_template_language": "en_US",
        "surprise": 1,
    }

    result = parse("whatsapp", raw(body(value)))

    (row,) = result.rows("whatsapp__template_updates")
    assert (row["template_id"], row["account_id"], row["occurred_at"]) == (
        "77",
        "acc-1",
        datetime(1970, 1, 1, 0, 0, 5),
    )
    assert result.unknown == {"whatsapp__template_updates": 1}


def test_an_envelope_gives_time_and_channel_and_a_bare_body_takes_the_default(parse):
    inner = body({"statuses": [status("m-1")]})

    result = parse(
        "whatsapp",
        raw({"received_at": "2026-03-01T12:00:00+02:00", "channel": "whatsapp/pn-9", "body": inner}),
        raw(inner),
    )

    rows = result.rows("whatsapp__statuses")
    assert [(r["_received_at"], r["_channel"]) for r in rows] == [
        (datetime(2026, 3, 1, 10), "whatsapp/pn-9"),
        (datetime(2026, 3, 2), None),
    ]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (raw(body({"statuses": [status("m")]}))[:-3], "malformed_json"),
        (b'{"entry": "\xff"}', "invalid_utf8"),
        (b'{"entry": "\x00"}', "nul_byte"),
        (raw(body({"ban_info": {}})), "unrecognized_body"),
        (raw(body({"statuses": []})), "unrecognized_body"),
        (raw({"entry": []}), "unrecognized_body"),
        (b"null", "unrecognized_body"),
        (b"[1, 2]", "unrecognized_body"),
        (raw({"received_at": "soon", "body": body({"statuses": [status("m")]})}), "invalid_envelope"),
        (
            raw({"received_at": "2999-01-01T00:00:00Z", "body": body({"statuses": [status("m")]})}),
            "invalid_envelope",
        ),
        (raw({"received_at": None, "body": {}}), "invalid_envelope"),
        (raw({"received_at": "2026-03-01T00:00:00Z", "body": "text"}), "unrecognized_body"),
        (raw(body({"statuses": ["text"]})), "unrecognized_body"),
        (raw(body({"statuses": [{"id": "m"}]})), "missing_value:status"),
        (raw(body({"statuses": [status("m", timestamp="later")]})), "invalid_value:occurred_at"),
        (
            raw(body({"statuses": [status("m", timestamp="99999999999999999999")]})),
            "invalid_value:occurred_at",
        ),
        (raw(body({"statuses": [status("m", "teleported")]})), "unexpected_value:status"),
        (
            raw(body({"metadata": {"phone_number_id": "x" * 2000}, "statuses": [status("m")]})),
            "value_too_large",
        ),
        (b"[" * 200_000, "malformed_json"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_a_row_is_rejected_with_its_reason_and_the_rest_goes_on(parse, record, reason):
    good = raw(body({"statuses": [status("m-1")]}))

    result = parse("whatsapp", good, record, good)

    assert result.rejected == [(2, reason)]
    assert result.column("whatsapp__statuses", "_record") == [1, 3]
    assert result.payload(2) == record


def test_each_change_that_feeds_nothing_is_rejected_once(parse):
    result = parse("whatsapp", raw(body({"a": 1}, {"statuses": [status("m-1")]}, {"b": 2})))

    assert result.rejected == [(1, "unrecognized_body")] * 2
    assert result.column("whatsapp__statuses", "message_id") == ["m-1"]


def test_undeclared_keys_are_counted_by_row_and_ignored_ones_are_not(parse):
    messages = [
        {"id": "m-1", "type": "image", "timestamp": "1772359200", "image": {"id": "i"}},
        {"id": "m-2", "type": "text", "timestamp": "1772359200", "novelty": 1, "other": 2},
    ]

    result = parse("whatsapp", raw(body({"messages": messages, "statuses": [status("m-3", novelty=1)]})))

    assert result.unknown == {"whatsapp__messages": 1, "whatsapp__statuses": 1}


def test_an_unlisted_value_of_an_optional_column_is_null_and_counted(parse):
    result = parse("whatsapp", raw(body({"statuses": [status("m-1", recipient_type="alien")]})))

    assert result.column("whatsapp__statuses", "recipient_type") == [None]
    assert result.masked == {"whatsapp__statuses.recipient_type": 1}


def test_every_status_and_message_of_the_real_bodies_is_a_row(parse, real_data):
    bodies = [
        b for f in sorted((real_data / "whatsapp").glob("*.json")) for b in json.loads(f.read_text()).values()
    ]
    values = [change["value"] for b in bodies for entry in b["entry"] for change in entry["changes"]]

    result = parse("whatsapp", *map(raw, bodies))

    found = {
        "statuses": len(result.rows("whatsapp__statuses")),
        "messages": len(result.rows("whatsapp__messages")),
        "errors": len(result.rows("whatsapp__errors")),
        "user_preferences": len(result.rows("whatsapp__preferences")),
    }
    assert found == {name: sum(len(value.get(name, [])) for value in values) for name in found}
    assert len(result.rows("whatsapp__template_updates")) == sum("message_template_id" in v for v in values)
    assert result.rejected == []
