"""JSON in the layouts that people and tools write."""

import gzip
import json
from datetime import datetime
from typing import Any

import pytest

from pipelines.sources import json_files, streams
from pipelines.sources.errors import UnreadableFileError


def webhook(number: int) -> dict[str, Any]:
    status = {"id": f"m-{number}", "status": "sent", "timestamp": "1772359200"}
    return {"entry": [{"id": "a", "changes": [{"value": {"statuses": [status]}, "field": "messages"}]}]}


ONE, TWO, THREE = (webhook(number) for number in (1, 2, 3))
ENVELOPE = {"received_at": "2026-03-01T09:00:00Z", "channel": "whatsapp/p", "body": ONE}
LINE = json.dumps(ONE)


def pretty(*values: object) -> str:
    return "\n".join(json.dumps(value, indent=2) for value in values)


UTF_16 = f"{LINE}\n{json.dumps(TWO)}\n"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (pretty(ONE), ["m-1"]),
        (pretty(ONE, TWO, THREE), ["m-1", "m-2", "m-3"]),
        ("\n\n" + pretty(ENVELOPE, TWO), ["m-1", "m-2"]),
        (json.dumps([ONE, TWO]), ["m-1", "m-2"]),
        (pretty([ONE, ENVELOPE]), ["m-1", "m-1"]),
        (pretty([[ONE], [TWO, THREE]]), ["m-1", "m-2", "m-3"]),
        (json.dumps({"data": [ONE, TWO], "paging": {"next": None}}), ["m-1", "m-2"]),
        (pretty([{"data": [ONE], "page": 0}, {"data": [TWO], "page": 1}]), ["m-1", "m-2"]),
        (pretty({"delivered": ONE, "read": TWO}), ["m-1", "m-2"]),
        (json.dumps({"_id": {"$oid": "7"}, "headers": {"a": "b"}, "payload": ONE}), ["m-1"]),
        (json.dumps({"version": "2.0", "headers": {}, "body": LINE}), ["m-1"]),
        (json.dumps({"key": "7", "value": ONE}), ["m-1"]),
        (
            json.dumps({"Records": [{"messageId": "a", "body": LINE}, {"body": json.dumps(TWO)}]}),
            ["m-1", "m-2"],
        ),
        (json.dumps({"Records": [{"body": json.dumps(ENVELOPE), "attributes": {"n": "1"}}]}), ["m-1"]),
        (pretty({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": LINE}}]}), ["m-1"]),
        (json.dumps(ONE["entry"][0]), ["m-1"]),
        (pretty([*ONE["entry"][0]["changes"], *TWO["entry"][0]["changes"]]), ["m-1", "m-2"]),
        (LINE + json.dumps(TWO), ["m-1", "m-2"]),
        (f"{LINE},\n{json.dumps(TWO)},\n", ["m-1", "m-2"]),
        (f"{LINE}\r{json.dumps(TWO)}\r", ["m-1", "m-2"]),
        ("\ufeff" + pretty(ONE), ["m-1"]),
        (UTF_16, ["m-1", "m-2"]),
        (f"{LINE}\n{json.dumps(TWO)}\n", ["m-1", "m-2"]),
    ],
    ids=[
        *("pretty", "pretty, several", "pretty envelope", "array", "pretty array", "arrays in an array"),
        *(
            "page",
            "array of pages",
            "object of bodies",
            "one body with notes",
            "body as a text",
            "body as a value",
            "bodies that a queue delivered",
            "an envelope that a queue delivered",
            "notices",
            "entry",
            "changes",
            "no line ends",
            "commas",
            "CR",
            "BOM",
            "UTF-16",
            "one record per line",
        ),
    ],
)
@pytest.mark.parametrize("size", [streams.BLOCK_BYTES, 40])
def test_webhooks_are_read_however_the_file_is_laid_out(parse_file, monkeypatch, size, content, found):
    monkeypatch.setitem(streams.blocks.__kwdefaults__, "size", size)

    encoding = "utf-16" if content is UTF_16 else "utf-8"
    result = parse_file("whatsapp", "in.json.gz", gzip.compress(content.encode(encoding)))

    assert result.column("whatsapp__statuses", "message_id") == found
    assert result.column("whatsapp__statuses", "_record") == list(range(1, len(found) + 1))
    assert (result.rejected, result.unknown) == ([], {})


def test_what_is_no_webhook_in_an_array_is_rejected_and_the_rest_goes_on(parse_file):
    result = parse_file("whatsapp", "in.json", pretty([ONE, {"canary": 1}, 7, None, TWO]).encode())

    assert result.column("whatsapp__statuses", "message_id") == ["m-1", "m-2"]
    assert result.rejected == [
        (2, "unrecognized_body:no_entry"),
        (3, "unrecognized_body:no_object"),
        (4, "unrecognized_body:no_object"),
    ]
    assert json.loads(result.payload(2)) == {"canary": 1}


def test_what_a_queue_delivered_and_is_no_webhook_is_rejected_beside_those_that_are(parse_file):
    content = json.dumps({"Records": [{"body": LINE}, {"body": "canary"}, {"body": json.dumps(TWO)}]})

    result = parse_file("whatsapp", "in.json", content.encode())

    assert result.column("whatsapp__statuses", "message_id") == ["m-1", "m-2"]
    assert result.rejected == [(2, "unrecognized_body:no_entry")]


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (pretty(ONE)[:-4], "line 1"),
        (pretty(ONE, TWO)[:-4], f"line {len(pretty(ONE).splitlines()) + 1}"),
        (pretty([ONE, TWO])[:-2], f"line {len(pretty([ONE, TWO]).splitlines()) - 1}"),
        (pretty(ONE) + "\ncanary", f"line {len(pretty(ONE).splitlines()) + 1}"),
        ("[" * 100_000, "line 1"),
        ('[{"entry": ' + "9" * 5_000 + "}]", "line 1"),
        ("[{'entry': []}]", "line 1"),
    ],
)
def test_a_document_that_is_not_whole_is_refused_with_its_place_and_no_content(parse_file, content, place):
    with pytest.raises(UnreadableFileError, match="looks like a JSON document") as caught:
        parse_file("whatsapp", "in.json", content.encode())

    assert place in str(caught.value)
    assert "canary" not in str(caught.value)


def test_a_document_in_another_encoding_or_too_large_is_refused(parse_file, monkeypatch):
    with pytest.raises(UnreadableFileError, match="no known encoding"):
        parse_file("whatsapp", "in.json", pretty({"entry": "ä"}).encode().replace(b"\\u00e4", b"\xe4"))

    monkeypatch.setattr(json_files, "MAX_HELD_BYTES", 100)
    monkeypatch.setitem(streams.blocks.__kwdefaults__, "size", 64)
    with pytest.raises(UnreadableFileError, match="one record per line"):
        parse_file("whatsapp", "in.json", pretty(ONE).encode())


@pytest.mark.parametrize("first", [LINE[:-3], LINE[:40], '{"entry": [', LINE + " canary", "canary", '"x"'])
def test_a_broken_first_line_is_one_rejected_record_of_a_file_of_lines(parse_file, first):
    result = parse_file("whatsapp", "in.jsonl", f"{first}\n{LINE}\n{LINE}\n".encode())

    assert [record for record, _ in result.rejected] == [1]
    assert result.column("whatsapp__statuses", "_record") == [2, 3]


MESSAGE = {
    "sid": "SM-1",
    "direction": "outbound-api",
    "status": "delivered",
    "date_sent": "Thu, 24 Aug 2023 07:01:45 +0200",
}


@pytest.mark.parametrize(
    "content",
    [
        pretty({"messages": [MESSAGE], "page": 0, "uri": "/x"}),
        pretty([{"messages": [MESSAGE], "page": 0}]),
        pretty([MESSAGE]),
        json.dumps(MESSAGE) + "\n",
        pretty([{"dateSent" if name == "date_sent" else name: value for name, value in MESSAGE.items()}]),
        pretty([{"messages": [], "page": 0}, {"messages": [MESSAGE], "page": 1}]),
        pretty([{name.replace("_s", "S"): value for name, value in MESSAGE.items()}]),
    ],
    ids=[
        "page",
        "array of pages",
        "array of messages",
        "a message a line",
        "camel case",
        "an empty page",
        "an SDK",
    ],
)
def test_messages_of_twilio_are_read_as_pages_or_by_themselves(parse_file, content):
    result = parse_file("twilio_export", "export.json", content.encode())

    assert result.column("twilio__messages", "occurred_at") == [datetime(2023, 8, 24, 5, 1, 45)]
    assert result.rejected == []


def test_a_page_without_messages_has_no_rows(parse_file):
    result = parse_file("twilio_export", "export.json", pretty({"messages": [], "page": 0}).encode())

    assert (result.rows_read, result.rejected) == (0, [])


def test_rows_of_tables_usage_and_text_envelopes_are_read_from_arrays_too(parse_file):
    contact = {"workspace_id": "w", "contact_id": "c", "updated_at": "2026-03-01"}
    event = {
        "event_id": "e",
        "workspace_id": "w",
        "occurred_at": "2026-03-01T10:00:00Z",
        "event": "page_view",
    }
    callback = {"received_at": 1772359200, "body": "MessageSid=SM-1&MessageStatus=sent"}

    by_column = {name: {"0": value, "1": value} for name, value in contact.items()}
    for content in ([contact, contact], {"0": contact, "1": contact}, by_column):
        assert parse_file("app/contacts", "in.json", pretty(content).encode()).rows_read == 2
    assert parse_file("usage", "in.json", pretty([event]).encode()).rows_read == 1
    assert parse_file("twilio", "in.json", pretty([callback]).encode()).column(
        "twilio__statuses", "_received_at"
    ) == [datetime(2026, 3, 1, 10)]
