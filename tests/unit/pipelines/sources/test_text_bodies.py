import json
from datetime import datetime

import pytest


def enveloped(text: str, channel: str) -> bytes:
    return json.dumps({"received_at": "2026-03-01T10:00:00Z", "channel": channel, "body": text}).encode()


def test_a_callback_is_decoded_and_the_carriers_clock_is_not_believed(parse):
    dated = "MessageSid=SM-1&MessageStatus=delivered&To=%2B4915550001&ErrorCode=&RawDlrDoneDate=2603010905"
    undated = "MessageSid=SM-2&MessageStatus=sent&To=1+b%26c&From=%2B1555&Novelty=1"

    result = parse("twilio", dated.encode(), enveloped(undated, "twilio/+1555"))

    first, second = result.rows("twilio__statuses")
    assert (first["recipient"], first["error_code"], first["_channel"]) == ("+4915550001", None, None)
    assert (second["recipient"], second["sender"], second["_channel"]) == ("1 b&c", "+1555", "twilio/+1555")
    assert second["_received_at"] == datetime(2026, 3, 1, 10)
    assert "occurred_at" not in first
    assert result.unknown == {"twilio__statuses": 1}


@pytest.mark.parametrize("is_enveloped", [False, True])
@pytest.mark.parametrize("repeated", [False, True])
def test_a_form_that_a_framework_has_taken_apart_is_read_as_it_was_sent(parse, repeated, is_enveloped):
    form = {
        "MessageSid": "SM-1",
        "From": "+4915550009",
        "To": "+1555",
        "Body": 'a & b = "c", 100%',
        'X"&': "",
    }
    body = {name: [value] if repeated else value for name, value in form.items()}

    record = {"received_at": 1772359200, "body": body} if is_enveloped else body
    result = parse("twilio", json.dumps(record).encode())

    (row,) = result.rows("twilio__inbound")
    assert (row["message_id"], row["writer"], row["body"]) == ("SM-1", "+4915550009", form["Body"])
    assert (result.rejected, result.unknown) == ([], {"twilio__inbound": 1})


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b'{"received_at": 1772359200, "body": {"hello": {"MessageSid": "SM-1"}}}', "malformed_form"),
        (b"hello", "malformed_form"),
        (b"MessageSid=%ff%fe&MessageStatus=sent", "malformed_form"),
        (b"MessageSid=SM-1", "missing_value:status"),
        (b"MessageSid=SM-1&MessageStatus=flying", "unexpected_value:status"),
        (b"MessageSid=SM-1&MessageStatus=sent&ErrorCode=x", "invalid_value:error_code"),
        (b'{"received_at": "soon", "body": "MessageSid=SM-1&MessageStatus=sent"}', "invalid_envelope"),
        (b'{"received_at": "2026-03-01T10:00:00Z", "body": {}}', "unrecognized_body"),
        (b'{"MessageSid": "SM-1"}', "missing_value:status"),
        (b'{"hello": "SM-1"}', "malformed_form"),
        (b"{}", "unrecognized_body"),
        (b'{"received_at', "malformed_json"),
    ],
)
def test_a_callback_that_cannot_be_a_row_is_rejected_with_its_reason(parse, record, reason):
    result = parse("twilio", record, b"MessageSid=SM-2&MessageStatus=sent")

    assert result.rejected == [(1, reason)]
    assert result.column("twilio__statuses", "message_id") == ["SM-2"]


INCOMING = "MessageSid=SM-9&SmsStatus=received&From=%2B4915550009&To=%2B1555&Body=Stop+it&NumMedia=0"


def test_an_incoming_message_is_told_from_a_callback(parse):
    addresses = "From=whatsapp%3A%2B4915550008&To=whatsapp%3A%2B1555"
    chat = f"MessageSid=SM-8&{addresses}&Body=&MessageType=button&ButtonText=Stop"
    callback = "MessageSid=SM-7&MessageStatus=sent&Body=hi&To=whatsapp%3A%2B4915550007"

    result = parse(
        "twilio", INCOMING.encode(), f"{INCOMING}&OptOutType=STOP".encode(), chat.encode(), callback.encode()
    )

    first, managed, button = result.rows("twilio__inbound")
    assert (first["message_id"], first["writer"], first["recipient_sender"]) == (
        "SM-9",
        "+4915550009",
        "+1555",
    )
    assert (first["body"], first["channel"], managed["opt_out_type"]) == ("Stop it", "sms", "STOP")
    assert (button["writer"], button["channel"], button["button_text"]) == ("+4915550008", "whatsapp", "Stop")
    (status,) = result.rows("twilio__statuses")
    assert (status["message_id"], status["recipient"], status["channel"]) == (
        "SM-7",
        "+4915550007",
        "whatsapp",
    )
    assert (result.rejected, result.unknown) == ([], {})


@pytest.mark.parametrize(
    ("dates", "submitted", "done"),
    [
        ("submit date:20260301090500 done date:20260301090530", (9, 5), (9, 5, 30)),
        ("submit date:202603010905 done date:202603010906", (9, 5), (9, 6)),
        ("submit date:2026-03-01 09:05:00 done date:2026-03-01 09:05:30", (9, 5), (9, 5, 30)),
        ("submit_date:2603010905 done_date:260301090530", (9, 5), (9, 5, 30)),
        ("submit date:2603010905 done date:0000000000", (9, 5), None),
        ("submit date: 2603010905 done date: 2026-03-01 09:05:30", (9, 5), (9, 5, 30)),
        ("submit date:2603010905 done date: ", (9, 5), None),
        ("submit date:NULL done date:700101000000", None, None),
        ("submit date:N/A done date:-", None, None),
        ("", None, None),
    ],
)
def test_a_receipt_names_times_as_its_operator_writes_them(parse, dates, submitted, done):
    result = parse(
        "smpp", f"id:a-1 sub:001 dlvrd:001 {dates} stat:DELIVRD err:000 text:submit date:1".encode()
    )

    (row,) = result.rows("smpp__receipts")
    assert row["submitted_at"] == (submitted and datetime(2026, 3, 1, *submitted))
    assert row["occurred_at"] == (done and datetime(2026, 3, 1, *done))
    assert (row["error_code"], row["text"], result.unknown) == ("000", "submit date:1", {})


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_receipts_end_as_lines_do_on_any_system(parse_file, end):
    receipts = [
        f"id:a-{n} submit date:2603010900 done date:2603010901 stat:DELIVRD err:000" for n in range(3)
    ]

    result = parse_file("smpp", "receipts.txt", end.join(receipts).encode())

    assert sorted(result.column("smpp__receipts", "message_id")) == ["a-0", "a-1", "a-2"]
    assert result.rejected == []


def test_a_receipt_is_read_whatever_its_case_and_whatever_its_text_says(parse):
    plain = (
        "id:a-1 sub:001 dlvrd:001 submit date:2603010900 done date:260301090530 stat:DELIVRD err:000 "
        "text:id:x stat:UNDELIV"
    )
    loud = "ID:a-2 SUB:002 DLVRD:000 SUBMIT DATE:2603010900 DONE DATE:2603010905 STAT:UNDELIV ERR:0AB"

    result = parse("smpp", plain.encode(), enveloped(loud, "smpp/eu-1"))

    first, second = result.rows("smpp__receipts")
    assert (first["message_id"], first["status"], first["text"]) == ("a-1", "DELIVRD", "id:x stat:UNDELIV")
    assert first["occurred_at"] == datetime(2026, 3, 1, 9, 5, 30)
    assert (second["message_id"], second["status"], second["error_code"]) == ("a-2", "UNDELIV", "0AB")
    assert (second["parts_submitted"], second["parts_delivered"], second["text"]) == (2, 0, None)
    assert (first["operator"], second["operator"]) == (None, "eu-1")
    assert result.unknown == {}


@pytest.mark.parametrize("between", [",", ", ", ";", "|", " | "])
def test_between_the_fields_of_a_receipt_may_be_commas_or_bars(parse, between):
    fields = [
        "id:a-1",
        "sub:001",
        "submit date:2603010900",
        "done date:2603010905",
        "stat:DELIVRD",
        "err:000",
    ]

    result = parse("smpp", between.join([*fields, "text:a, id:x"]).encode())

    (row,) = result.rows("smpp__receipts")
    assert (row["message_id"], row["status"], row["error_code"]) == ("a-1", "DELIVRD", "000")
    assert row["occurred_at"] == datetime(2026, 3, 1, 9, 5)
    assert (row["text"], result.unknown) == ("a, id:x", {})


@pytest.mark.parametrize(
    ("written", "statuses", "rejected"),
    [
        ("stat:delivrd", ["DELIVRD"], []),
        ("stat: Undeliv", ["UNDELIV"], []),
        ("status:DELIVRD", ["DELIVRD"], []),
        ("UNDELIV", ["UNDELIV"], []),
        ("stat:DELIVERED", ["DELIVRD"], []),
        ("stat:Undeliverable", ["UNDELIV"], []),
        ("stat:REJECTED", ["REJECTD"], []),
        ("stat:accepted", ["ACCEPTD"], []),
        ("stat:EXPIRED", ["EXPIRED"], []),
        ("stat:Failed", ["UNDELIV"], []),
        ("stat:BUFFRED", [], [(1, "unexpected_value:status")]),
        ("stat:", [], [(1, "missing_value:status")]),
        ("", [], [(1, "missing_value:status")]),
    ],
)
def test_a_state_may_be_written_small_in_full_or_without_its_name(parse, written, statuses, rejected):
    result = parse("smpp", f"id: a-1 done date:2603010905 {written} err:000".encode())

    assert result.column("smpp__receipts", "status") == statuses
    assert result.rejected == rejected


def test_a_receipt_without_fields_or_with_an_impossible_date_is_rejected(parse):
    result = parse(
        "smpp",
        b"good morning",
        b"id:a-1 submit date:2603010900 done date:2613010905 stat:DELIVRD err:000 text:",
        b"id:a-2 done date:2603010905 stat:DELIVRD network:262",
    )

    assert result.rejected == [(1, "malformed_receipt"), (2, "invalid_value:occurred_at")]
    assert result.unknown == {"smpp__receipts": 1}
