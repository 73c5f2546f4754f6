import json
from datetime import datetime
from decimal import Decimal

import pytest

from pipelines.declarations.contract import load_contracts
from pipelines.sources import read_records
from pipelines.sources.errors import UndeclaredColumnsError

EVENT = {
    "event_id": "e-1",
    "workspace_id": "w-1",
    "occurred_at": "2026-03-01T10:00:00.5+02:00",
    "member_id": "mem-1",
    "event": "page_view",
    "consent": {"analytics": True},
}


def raw(value: object) -> bytes:
    return json.dumps(value).encode()


def test_a_usage_event_is_its_whole_body(parse):
    result = parse("usage", raw(EVENT), raw({"received_at": "2026-03-01T09:00:00Z", "body": EVENT}))

    rows = result.rows("web__usage_events")
    assert [r["_received_at"] for r in rows] == [datetime(2026, 3, 2), datetime(2026, 3, 1, 9)]
    assert {(r["member_id"], r["analytics_consent"], r["occurred_at"]) for r in rows} == {
        ("mem-1", True, datetime(2026, 3, 1, 8, 0, 0, 500_000))
    }


def test_an_undeclared_key_of_a_usage_event_stops_the_file_and_names_the_key_but_no_value(parse):
    with pytest.raises(UndeclaredColumnsError, match="favourite_colour") as caught:
        parse("usage", raw(EVENT), raw({**EVENT, "favourite_colour": "canary-teal", "x@canary.example": 1}))

    assert "canary" not in str(caught.value)


def test_every_message_of_a_twilio_export_is_a_row_with_its_price_made_positive(parse):
    message = {
        "sid": "SM-1",
        "direction": "outbound-api",
        "status": "delivered",
        "date_sent": "Thu, 24 Aug 2023 07:01:45 +0200",
        "num_segments": "2",
        "price": "-0.07500",
        "price_unit": "USD",
        "error_code": None,
    }

    result = parse("twilio_export", raw({"messages": [message, {**message, "date_sent": None}], "page": 0}))

    (row,) = result.rows("twilio__messages")
    assert (row["occurred_at"], row["segments"]) == (datetime(2023, 8, 24, 5, 1, 45), 2)
    assert (row["price"], row["price_currency"], row["error_code"]) == (Decimal("0.075000"), "USD", None)
    assert result.rejected == [(1, "missing_value:occurred_at")]


@pytest.mark.parametrize("record", [b"[]", b"5", b'"text"', b"null"])
def test_a_body_that_is_no_object_is_rejected_even_where_undeclared_keys_stop_the_file(parse, record):
    assert parse("usage", record).rejected == [(1, "unrecognized_body:no_object")]


def test_a_column_within_another_column_and_one_at_an_index_are_both_read():
    contract = load_contracts()["web__usage_events"]
    given = contract.columns["feature"].model_copy(update={"pattern": None, "required": False})
    columns = {
        "whole": given.model_copy(update={"path": "error"}),
        "inner": given.model_copy(update={"path": "error.code"}),
        "second": given.model_copy(update={"path": "tags[1].name"}),
        "upper": given.model_copy(update={"path": "ERROR"}),
    }
    contract = contract.model_copy(update={"columns": columns, "consent": None})
    record = raw({"error": {"code": 7}, "tags": [{"name": "a"}, {"name": "b"}], "ERROR": "x"})

    (batch,) = read_records([record], contracts=[contract], received_at=datetime(2026, 3, 2))

    (row,) = batch.tables["web__usage_events"].select(list(columns)).to_pylist()
    assert row == {"whole": '{"code":7}', "inner": "7", "second": "b", "upper": "x"}
