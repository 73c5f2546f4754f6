import json
from datetime import datetime
from decimal import Decimal

import pytest

from pipelines.declarations.contract import load_contracts
from pipelines.sources.errors import UndeclaredColumnsError
from pipelines.sources.reading import read_records

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


CONSOLE = (
    "From,To,Body,Status,SentDate,ApiVersion,NumSegments,ErrorCode,AccountSid,Sid,Direction,Price,PriceUnit\n"
    '+15550001,+4915550001,"a, ""b""",delivered,2026-03-01T09:00:00Z,v,2,,AC1,SM-1,outbound-api,-0.015,USD\n'
    "whatsapp:+15550001,whatsapp:+4915550002,hi,failed,,2010-04-01,1,30003,AC1,SM-2,outbound-api,,USD\n"
    "too,few\n"
    "+4915550003,+15550001,Stop,received,2026-03-01T10:00:00Z,2010-04-01,1,,AC1,SM-3,inbound,-0.0075,USD\n"
)


def test_a_table_of_the_console_that_a_spreadsheet_saved_has_decimal_commas(parse_file):
    content = CONSOLE.replace('"a, ""b"""', "a").replace(",", ";").replace("-0.015", "-0,015")

    result = parse_file("twilio_export", "sms-log.csv", content.encode())

    assert result.column("twilio__messages", "price") == [Decimal("0.015"), Decimal("0.0075")]


@pytest.mark.parametrize("separator", [",", "\t"])
def test_a_table_of_the_console_has_the_rows_of_the_rest_export(parse, parse_file, separator):
    content = CONSOLE if separator == "," else CONSOLE.replace('"a, ""b"""', "a").replace(",", separator)

    result = parse_file("twilio_export", "sms-log.csv", content.encode())

    rows = result.rows("twilio__messages")
    assert [(r["_record"], r["message_id"], r["status"], r["direction"]) for r in rows] == [
        (2, "SM-1", "delivered", "outbound-api"),
        (5, "SM-3", "received", "inbound"),
    ]
    assert (rows[0]["segments"], rows[0]["price"]) == (2, Decimal("0.015"))
    assert rows[0]["occurred_at"] == datetime(2026, 3, 1, 9)
    # The console names no other time for what was never sent.
    assert sorted(result.rejected) == [(3, "missing_value:occurred_at"), (4, "malformed_row")]
    assert result.unknown == {}
    again = parse("twilio_export", result.payload(2))
    assert again.column("twilio__messages", "message_id") == ["SM-1"]


@pytest.mark.parametrize(
    "headings",
    [
        "Sid;Date Sent;Direction;Status;To;Price;Num Segments",
        "sid;dateSent;direction;status;to;price;numSegments",
        "Message Sid;Date Sent;Direction;Status;To;Price;Num Segments",
        "SID;DateSent;DIRECTION;STATUS;TO;PRICE;NUM_SEGMENTS",
        "Sid;SentDate;Direction;Status;To;Price;NumSegments;sid",
    ],
)
def test_headings_of_a_table_may_be_spelt_as_people_spell_them_and_prices_with_a_comma(parse_file, headings):
    row = "SM-1;2026-03-01 09:00:00 UTC;outbound-api;sent;+4915550001;-0,0075;2" + ";x" * headings.endswith(
        ";sid"
    )

    result = parse_file("twilio_export", "export.csv", f"{headings}\n{row}\n".encode())

    (found,) = result.rows("twilio__messages")
    assert (found["message_id"], found["price"], found["segments"]) == ("SM-1", Decimal("0.0075"), 2)
    assert found["occurred_at"] == datetime(2026, 3, 1, 9)


def test_messages_that_were_never_sent_count_with_their_day_of_creation(parse):
    def message(sid, status, **times):
        return {
            "sid": sid,
            "status": status,
            "direction": "outbound-api",
            "to": "whatsapp:+49155501",
            **times,
        }

    created = "Wed, 18 Nov 2026 10:00:00 +0000"
    body = {
        "messages": [
            message("SM-1", "canceled", date_created=created, date_sent=None),
            message("SM-2", "scheduled", date_created=created),
            message("SM-3", "delivered", date_created=created, date_sent="Wed, 18 Nov 2026 10:00:05 +0000"),
            # A bulk export writes ISO 8601.
            message("SM-4", "partially_delivered", date_sent="2026-11-18T10:00:06Z"),
            message("SM-5", "sent"),
        ]
    }

    result = parse("twilio_export", json.dumps(body).encode())

    assert [t.second for t in result.column("twilio__messages", "occurred_at")] == [0, 0, 5, 6]
    assert result.column("twilio__messages", "channel") == ["whatsapp"] * 4
    assert result.column("twilio__messages", "recipient") == ["+49155501"] * 4
    assert result.rejected == [(1, "missing_value:occurred_at")]
