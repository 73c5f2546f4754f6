import json
from datetime import datetime
from typing import Any

import pytest

from pipelines.codegen.documents import kinds_of_record
from pipelines.declarations.contract import load_contracts

DOCUMENT = kinds_of_record(load_contracts())


def body(*values: object, account: str = "acc-1", field: object = "messages") -> dict[str, Any]:
    changes = [{"field": field, "value": value} for value in values]
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

    result = parse("whatsapp", raw(body(value, field="message_template_status_update")))

    (row,) = result.rows("whatsapp__template_updates")
    assert (row["template_id"], row["account_id"], row["occurred_at"]) == (
        "77",
        "acc-1",
        datetime(1970, 1, 1, 0, 0, 5),
    )
    assert result.unknown == {"whatsapp__template_updates": 1}


def test_a_template_notice_without_a_time_is_no_reason_to_refuse_it(parse):
    notice = body({"message_template_id": 77, "event": "PAUSED"}, field="message_template_status_update")
    del notice["entry"][0]["time"]

    result = parse("whatsapp", raw(notice))

    assert result.column("whatsapp__template_updates", "occurred_at") == [None]
    assert result.rejected == []


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
        (raw(body({"ban_info": {}})), "unrecognized_body:messages"),
        (raw(body({"statuses": []})), "unrecognized_body:messages"),
        (
            raw(body({"statuses": [status("m")]}, field="template_category_update")),
            "unrecognized_body:template_category_update",
        ),
        (raw(body({"statuses": [status("m")]}, field="canary of 2031")), "unrecognized_body:unknown_field"),
        (raw(body({"ban_info": {}}, field=None)), "unrecognized_body:no_field"),
        (raw(body(None)), "unrecognized_body:messages"),
        (raw({"object": "whatsapp_business_account"}), "unrecognized_body:no_entry"),
        (raw({"entry": []}), "unrecognized_body:no_entry"),
        (raw({"entry": [{"id": "acc-1"}]}), "unrecognized_body:no_changes"),
        (b"null", "unrecognized_body:no_object"),
        (b"[1, 2]", "unrecognized_body:no_object"),
        (raw({"received_at": "soon", "body": body({"statuses": [status("m")]})}), "invalid_envelope"),
        (
            raw({"received_at": "2999-01-01T00:00:00Z", "body": body({"statuses": [status("m")]})}),
            "invalid_envelope",
        ),
        (raw({"received_at": None, "body": {}}), "invalid_envelope"),
        (raw({"received_at": "2026-03-01T00:00:00Z", "body": "text"}), "unrecognized_body:no_object"),
        (raw({"received_at": "2026-03-01T00:00:00Z", "body": "{}"}), "unrecognized_body:no_entry"),
        (raw(body({"statuses": ["text"]})), "unrecognized_body:no_object"),
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
        # What DuckDB quotes of it ends within a character, in at least one of them.
        *((b'"' * n + "\u2028".encode() * 100, "malformed_json") for n in (2, 3, 4)),
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

    assert result.rejected == [(1, "unrecognized_body:messages")] * 2
    assert result.column("whatsapp__statuses", "message_id") == ["m-1"]


def test_undeclared_keys_are_counted_by_row_and_ignored_ones_are_not(parse):
    messages = [
        {"id": "m-1", "type": "image", "timestamp": "1772359200", "image": {"id": "i"}},
        {"id": "m-2", "type": "text", "timestamp": "1772359200", "novelty": 1, "other": 2},
    ]

    result = parse("whatsapp", raw(body({"messages": messages, "statuses": [status("m-3", novelty=1)]})))

    assert result.unknown == {"whatsapp__messages": 1, "whatsapp__statuses": 1}


def test_an_unlisted_value_is_null_or_what_the_column_says_and_counted(parse):
    odd = status("m-1", recipient_type="alien", pricing={"category": "sale", "type": "regular"})

    result = parse("whatsapp", raw(body({"statuses": [odd, status("m-2")]})))

    assert result.column("whatsapp__statuses", "recipient_type") == [None, None]
    assert result.column("whatsapp__statuses", "pricing_category") == ["other", None]
    assert result.column("whatsapp__statuses", "pricing_type") == ["regular", None]
    assert result.masked == {
        "whatsapp__statuses.recipient_type": 1,
        "whatsapp__statuses.pricing_category": 1,
    }


@pytest.mark.parametrize(
    ("way", "field", "source"),
    [
        ("messages", "messages", "whatsapp__messages"),
        ("message_echoes", "message_echoes", "whatsapp__echoes"),
    ],
)
def test_a_message_of_a_kind_that_nobody_knows_yet_is_a_message_and_counted(parse, way, field, source):
    value = {way: [{"id": "m-1", "timestamp": "1772359200", "type": "poll_creation", "poll_creation": {}}]}

    result = parse("whatsapp", raw(body(value, field=field)))

    assert (result.column(source, "type"), result.rejected) == (["unknown"], [])
    assert result.masked == {f"{source}.type": 1}


@pytest.mark.parametrize(
    ("received_at", "moment"),
    [
        ("2026-03-01T12:00:00+02:00", datetime(2026, 3, 1, 10)),
        (1772359200, datetime(2026, 3, 1, 10)),
        ("1772359200", datetime(2026, 3, 1, 10)),
        (1772359200.5, datetime(2026, 3, 1, 10, 0, 0, 500_000)),
        (1772359200500, datetime(2026, 3, 1, 10, 0, 0, 500_000)),
        (1772359200500000, datetime(2026, 3, 1, 10, 0, 0, 500_000)),
        (1772359200500000000, datetime(2026, 3, 1, 10, 0, 0, 500_000)),
    ],
)
@pytest.mark.parametrize("write", [lambda inner: inner, json.dumps], ids=["object", "string"])
def test_an_envelope_may_count_seconds_and_hold_its_body_as_a_string(parse, received_at, moment, write):
    inner = body({"statuses": [status("m-1", novelty=1)]})
    notice = body({"message_template_id": 7, "novelty": 1}, field="message_template_quality_update")
    envelopes = [
        raw({"received_at": received_at, "channel": "whatsapp/pn-9", "body": write(part)})
        for part in (inner, notice)
    ]

    result = parse("whatsapp", envelopes[0], raw(inner), envelopes[1])

    assert [(r["_record"], r["_received_at"], r["_channel"]) for r in result.rows("whatsapp__statuses")] == [
        (1, moment, "whatsapp/pn-9"),
        (2, datetime(2026, 3, 2), None),
    ]
    assert result.column("whatsapp__template_updates", "_received_at") == [moment]
    assert result.unknown == {"whatsapp__statuses": 2, "whatsapp__template_updates": 1}
    assert result.rejected == []


@pytest.mark.parametrize(
    ("kind", "states"), [("payment", ("failed", "captured")), ("call", ("RINGING", "REJECTED"))]
)
def test_a_state_of_a_payment_or_a_call_is_no_status_of_a_message(parse, kind, states):
    others = [status("m-1", state, type=kind, payment={"reference_id": "o-1"}) for state in states]

    result = parse("whatsapp", raw(body({"statuses": [status("m-1"), *others]})))

    assert result.column("whatsapp__statuses", "status") == ["sent"]
    assert result.dropped == {("whatsapp__statuses", f"not_needed:{kind}"): 2}
    assert (result.rows_read, result.rejected, result.unknown) == (3, [], {})


def test_what_stands_in_standby_lands_where_it_lands_without(parse):
    message = {"id": "m-2", "type": "text", "timestamp": "1772359200", "text": {"body": "hi"}}
    echo = {**message, "id": "m-3", "to": "4915550002", "from": "4930000001"}
    parts = {"statuses": [status("m-1")], "messages": [message], "message_echoes": [echo]}
    values = [{"metadata": {"phone_number_id": "pn-1"}, "standby": {k: v}} for k, v in parts.items()]

    result = parse("whatsapp", raw(body(*values, field="standby")), raw(body(parts, field="standby")))

    refused = parse("whatsapp", raw(body({"standby": {"errors": [{"code": 7}]}}, field="standby")))
    assert refused.column("whatsapp__errors", "code") == [7]
    for source, token in (("statuses", "m-1"), ("messages", "m-2"), ("echoes", "m-3")):
        rows = result.rows(f"whatsapp__{source}")
        assert [(r["message_id"], r["phone_number_id"]) for r in rows] == [(token, "pn-1"), (token, None)]
    assert (result.rejected, result.unknown) == ([], {})


def test_pressed_buttons_and_chosen_rows_are_read_with_what_is_behind_them(parse):
    pressed = [
        {"type": "button", "button": {"text": "Stop", "payload": "STOP_1"}},
        {"type": "interactive", "interactive": {"button_reply": {"title": "No", "id": "n-1"}}},
        {"type": "interactive", "interactive": {"list_reply": {"title": "Bye", "id": "b-1"}}},
    ]
    messages = [{"id": f"m-{i}", "timestamp": 1772359200, **part} for i, part in enumerate(pressed)]

    rows = parse("whatsapp", raw(body({"messages": messages}))).rows("whatsapp__messages")

    names = ("button_text", "button_payload", "reply_title", "reply_id", "choice_title", "choice_id")
    assert [[row[name] for name in names if row[name]] for row in rows] == [
        ["Stop", "STOP_1"],
        ["No", "n-1"],
        ["Bye", "b-1"],
    ]


def test_a_changed_category_and_a_changed_user_id_are_rows(parse):
    category = {"message_template_id": 7, "previous_category": "UTILITY", "new_category": "MARKETING"}
    user = {
        "wa_id": "4915550001",
        "user_id": {"previous": "DE.1", "current": "DE.2"},
        "timestamp": 1772359200,
    }

    result = parse(
        "whatsapp",
        raw(body(category, field="template_category_update")),
        raw(body({"user_id_update": [user]}, field="user_id_update")),
    )

    (change,) = result.rows("whatsapp__template_updates")
    assert (change["previous_category"], change["new_category"], change["event"]) == (
        "UTILITY",
        "MARKETING",
        None,
    )
    (row,) = result.rows("whatsapp__user_ids")
    assert (row["previous_user_id"], row["current_user_id"], row["wa_id"]) == ("DE.1", "DE.2", "4915550001")
    assert (result.rejected, result.unknown) == ([], {})


@pytest.mark.parametrize("name", ["wa_id", "new_wa_id"])
def test_a_new_number_is_read_as_each_version_of_the_api_names_it(parse, name):
    notice = {"type": "user_changed_number", name: "4915550002"}
    message = {"id": "m-1", "type": "system", "from": "4915550001", "timestamp": 1772359200000}

    result = parse("whatsapp", raw(body({"messages": [{**message, "system": notice}]})))

    (row,) = result.rows("whatsapp__messages")
    assert (row["from"], row["new_wa_id"]) == ("4915550001", "4915550002")
    assert row["occurred_at"] == datetime(2026, 3, 1, 10)


def _as_named(way: str, item: object) -> dict[str, Any]:
    """A body with one item where a contract's `records` leads."""
    value: object = item
    for step in reversed(way.removeprefix("entry[].changes[].").split(".")[1:]):
        value = {step.removesuffix("[]"): [value]} if step.endswith("[]") else {step: value}
    return value if isinstance(value, dict) else {}


OF_WHATSAPP = [c for c in load_contracts().values() if c.feed == "whatsapp"]


@pytest.mark.parametrize(
    ("source", "field", "way", "where"),
    [(c.source, field, c.records, c.where) for c in OF_WHATSAPP for field in c.kinds.read],
)
def test_every_kind_that_is_read_reaches_the_contract_that_the_documents_name(
    parse, source, field, way, where
):
    value = _as_named(way, {where: 7} if where else {})

    result = parse("whatsapp", raw(body(value, field=field)))

    reached = {s for b in result.batches for s in b.tables} | {
        row["source"] for b in result.batches for row in b.rejected.to_pylist()
    }
    assert reached == {source}
    assert not result.rejected or result.rejected[0][1].startswith("missing_value:")
    assert f"| {source} |" in DOCUMENT


@pytest.mark.parametrize("kind", [kind for c in OF_WHATSAPP for kind in c.kinds.not_needed])
def test_every_kind_that_is_not_needed_is_counted_and_documented(parse, kind):
    name = kind.removesuffix("[]")
    value = {"statuses": [status("m-1")], name: [{"id": "x"}]}
    record = body(value, field=name) if name == kind else body({name: [{}]})

    result = parse("whatsapp", raw(record))

    assert result.dropped == {("whatsapp", f"not_needed:{name}"): 1}
    assert (result.rows_read, result.rejected) == (1, [])
    assert f" {kind} | - |" in DOCUMENT


def test_no_kind_is_both_read_and_not_needed():
    read = {kind for c in OF_WHATSAPP for kind in c.kinds.read}

    assert read.isdisjoint(kind for c in OF_WHATSAPP for kind in c.kinds.not_needed)


def test_a_list_that_is_not_needed_is_counted_beside_rows_that_are(parse):
    result = parse("whatsapp", raw(body({"statuses": [status("m-1")], "user_actions": [{}, {}]})))

    assert result.column("whatsapp__statuses", "message_id") == ["m-1"]
    assert result.dropped == {("whatsapp", "not_needed:user_actions"): 1}


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
