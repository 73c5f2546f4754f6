"""The law of every parser: what is read is a row or a rejection, whatever it is cut into."""

import json
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.declarations.contract import contracts_of, load_contracts
from pipelines.sources.batch import PAYLOADS, REJECTED, ParsedBatch
from pipelines.sources.errors import AccountingError
from pipelines.sources.reading import read_records

STATUS = {"id": "m-1", "status": "sent", "timestamp": "1772359200"}
statuses = st.lists(
    st.sampled_from([STATUS, {**STATUS, "status": "odd"}, {**STATUS, "new": 1}, {}, None, 7, "x"]), max_size=4
)
changes = st.fixed_dictionaries(
    {
        "value": st.fixed_dictionaries(
            {}, optional={"statuses": statuses, "errors": statuses, "other": st.none()}
        )
    }
)
entries = st.fixed_dictionaries({"id": st.text(max_size=3), "changes": st.lists(changes, max_size=3)})
bodies = st.fixed_dictionaries({"entry": st.lists(entries, max_size=2)})
envelopes = st.fixed_dictionaries(
    {"received_at": st.sampled_from(["2026-03-01T10:00:00Z", "never", None, 5]), "body": bodies}
)
json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
RECORDS = {
    "whatsapp": st.one_of(bodies, envelopes, json_values).map(lambda v: json.dumps(v).encode()),
    "twilio": st.sampled_from([b"MessageSid=SM-1&MessageStatus=sent", b"MessageSid=%f", b"&&==&", b"To=%"]),
    "smpp": st.sampled_from(
        [b"id:a done date:2603010905 stat:DELIVRD text:x", b"id:", b"text:id:a", b"stat:"]
    ),
    "access_log": st.sampled_from(
        [b'h - - [17/May/2015:10:05:03 +0200] "GET / HTTP/1.1" 200 1', b'h - - [x] "" 2']
    ),
    "error_log": st.sampled_from(
        [b"2026-03-01 10:00:00 INFO app: fine\n  more", b"2026-99-01 10:00:00 INFO a: b"]
    ),
    "app/contacts": st.sampled_from(
        [
            b'{"workspace_id":"w","contact_id":"c","updated_at":"2026-03-01"}',
            b'{"workspace_id":"../x"}',
            b"{}",
            b"[]",
        ]
    ),
}
anything = st.binary(max_size=20)


@pytest.mark.parametrize("feed", sorted(RECORDS))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_record_that_is_not_blank_is_a_row_or_a_rejection(feed, data):
    raw = data.draw(st.lists(RECORDS[feed] | anything, max_size=12))
    raw += raw[: data.draw(st.integers(0, len(raw)))]
    contracts = contracts_of(feed, load_contracts())

    batches = list(read_records(raw, contracts=contracts, received_at=datetime(2026, 3, 2)))

    numbers = {n for b in batches for t in b.tables.values() for n in t["_record"].to_pylist()}
    numbers |= {n for b in batches for n in b.rejected["record"].to_pylist()}
    assert numbers == {n for n, record in enumerate(raw, start=1) if record.strip(b" \t\r\n\v\f")}
    assert sum(b.rows_read for b in batches) == sum(
        sum(t.num_rows for t in b.tables.values()) + b.rejected.num_rows + sum(b.dropped.values())
        for b in batches
    )
    kept = {row["record"]: row["payload"] for b in batches for row in b.payloads.to_pylist()}
    assert kept == {n: raw[n - 1] for n in numbers} or feed.startswith("app/")


@pytest.mark.parametrize("copies", [1, 3])
def test_statuses_are_counted_one_by_one(copies):
    body = {"entry": [{"changes": [{"value": {"statuses": [STATUS, {}, STATUS]}}] * 2}] * copies}

    (batch,) = read_records(
        [json.dumps(body).encode()],
        contracts=contracts_of("whatsapp", load_contracts()),
        received_at=datetime(2026, 3, 2),
    )

    assert batch.tables["whatsapp__statuses"].num_rows == 4 * copies
    assert batch.rejected.num_rows == 2 * copies


def test_a_batch_that_does_not_add_up_cannot_be_made():
    with pytest.raises(AccountingError, match=r"3 row\(s\) were read but 0"):
        ParsedBatch({}, REJECTED.empty_table(), PAYLOADS.empty_table(), 3, {}, {})
