import gzip
import io
import json
from datetime import datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from pipelines.sources import streams, tables
from pipelines.sources.errors import (
    MissingColumnsError,
    UndeclaredColumnsError,
    UnreadableFileError,
    UnsupportedFileError,
)

HEADER = b"workspace_id,contact_id,phone,custom_fields,is_opted_in,updated_at\n"
ROWS = HEADER + (
    b'w-1,c-1,+4915550001,"{""segment"":""a""}",true,2026-03-01T10:00:00Z\n'
    b'w-1,c-2,"+49155\n50002",,,2026-03-01 10:00:00\n'
)


def parquet(table: pa.Table, **options: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def contacts(**columns: object) -> pa.Table:
    base = {"workspace_id": ["w-1"], "contact_id": ["c-1"], "updated_at": ["2026-03-01"]}
    return pa.table({**base, **columns})


@pytest.mark.parametrize(
    ("name", "pack"),
    [("c.csv", bytes), ("c.CSV.gz", gzip.compress), ("c.full.csv.zst", zstandard.compress)],
)
def test_a_csv_export_is_read_plain_or_compressed_with_quoted_line_ends(parse_file, name, pack):
    result = parse_file("app/contacts", name, pack(ROWS))

    first, second = result.rows("app__contacts")
    assert (first["phone"], first["contact_country"], first["is_opted_in"]) == (
        "+4915550001",
        "+4915550001",
        True,
    )
    assert json.loads(first["custom_fields"]) == {"segment": "a"}
    assert (second["phone"], second["custom_fields"], second["is_opted_in"]) == ("+49155\n50002", None, None)
    assert first["updated_at"] == second["updated_at"] == datetime(2026, 3, 1, 10)
    assert [first["_record"], second["_record"]] == [2, 3]


def test_what_pandas_writes_for_no_value_is_none(parse_file):
    nan = float("nan")
    row = {
        "workspace_id": "w-1",
        "outbox_id": "o-1",
        "channel": "sms",
        "recipient": "+4915550001",
        "outcome": "accepted",
        "queued_at": "2026-03-01",
        "campaign_id": nan,
        "error_code": nan,
        "price": nan,
    }
    texts = {**row, "campaign_id": "nan", "error_code": "None", "price": "<NA>"}
    files = {
        "a.parquet": parquet(pa.Table.from_pylist([row])),
        "b.parquet": parquet(pa.Table.from_pylist([texts])),
        "c.jsonl": json.dumps(row).encode(),
        "d.json": json.dumps([row], indent=1).encode(),
    }

    for name, content in files.items():
        result = parse_file("app/messages", name, content)

        (found,) = result.rows("app__messages")
        assert (found["campaign_id"], found["error_code"], found["price"]) == (None, None, None)
        assert (result.rejected, result.masked) == ([], {})


def test_a_bad_csv_row_is_rejected_by_itself_and_its_raw_form_is_kept(parse_file):
    bad = (
        b"w-1,c-3\nw-1,c-4,\xff,,,2026-03-01\nw-1,c-5,,,maybe,2026-03-01\n"
        b"w-1,,,,,2026-03-01\nw-1,c-6,,,,2026-03-01\n"
    )

    result = parse_file("app/contacts", "c.csv", ROWS + bad)

    assert result.rejected == [
        (5, "malformed_row"),
        (6, "invalid_utf8"),
        (7, "invalid_value:is_opted_in"),
        (8, "missing_value:contact_id"),
    ]
    assert result.column("app__contacts", "contact_id") == ["c-1", "c-2", "c-6"]
    assert result.payload(5) == b"w-1,c-3"
    assert json.loads(result.payload(7))["contact_id"] == "c-5"


def test_a_csv_is_the_same_in_one_block_or_many(parse_file, monkeypatch):
    many = ROWS + b"".join(b'w-1,n-%d,"a""b\nc",,,2026-03-01\n' % i for i in range(200))
    whole = parse_file("app/contacts", "c.csv", many)

    monkeypatch.setitem(streams.blocks.__kwdefaults__, "size", 97)
    pieces = parse_file("app/contacts", "c.csv", many)

    assert len(pieces.batches) > 50
    assert pieces.rows("app__contacts") == whole.rows("app__contacts")


def test_a_row_rejected_from_a_table_can_be_tried_again_from_its_payload(parse_file, parse):
    result = parse_file("app/contacts", "c.csv", ROWS + b"w-1,c-5,,,maybe,2026-03-01\n")

    again = parse("app/contacts", result.payload(2), result.payload(5))

    assert again.column("app__contacts", "contact_id") == ["c-1"]
    assert again.rejected == [(2, "invalid_value:is_opted_in")]


def test_a_parquet_export_keeps_its_own_types(parse_file):
    table = contacts(
        updated_at=pa.array([datetime(2026, 3, 1, 10)], pa.timestamp("ns", "Europe/Berlin")),
        custom_fields=[{"segment": "a"}],
        is_opted_in=[False],
    )

    (row,) = parse_file("app/contacts", "c.parquet", parquet(table)).rows("app__contacts")

    assert row["updated_at"] == datetime(2026, 3, 1, 10)
    assert (json.loads(row["custom_fields"]), row["is_opted_in"]) == ({"segment": "a"}, False)


def test_jsonl_rows_need_no_envelope(parse_file):
    rows = [
        {"workspace_id": "w-1", "contact_id": "c-1", "updated_at": "2026-03-01", "custom_fields": {"a": 1}},
        [1],
    ]

    result = parse_file("app/contacts", "c.ndjson", b"\n\n".join(json.dumps(r).encode() for r in rows))

    assert result.column("app__contacts", "custom_fields") == ['{"a":1}']
    assert result.rejected == [(3, "unrecognized_body")]


@pytest.mark.parametrize("name", ["c.csv", "c.parquet", "c.jsonl"])
def test_an_undeclared_column_stops_the_table_and_keeps_its_value_out_of_the_message(parse_file, name):
    table = contacts(iban=["canary-00"])
    content = {
        "c.csv": b"workspace_id,contact_id,updated_at,iban\nw-1,c-1,2026-03-01,canary-00\n",
        "c.parquet": parquet(table),
        "c.jsonl": json.dumps(table.to_pylist()[0]).encode(),
    }

    with pytest.raises(UndeclaredColumnsError, match="iban") as caught:
        parse_file("app/contacts", name, content[name])

    assert "canary" not in str(caught.value)


def test_a_table_without_a_required_column_is_refused(parse_file):
    with pytest.raises(MissingColumnsError, match="contact_id, updated_at"):
        parse_file("app/contacts", "c.csv", b"workspace_id\nw-1\n")


def test_a_table_without_its_header_does_not_have_its_first_row_taken_for_names(parse_file):
    with pytest.raises(MissingColumnsError) as caught:
        parse_file("app/contacts", "c.csv", b"w-1,canary,4915550001111\nw-1,canary,4915550002222\n")

    assert "canary" not in str(caught.value)
    assert "4915550001111" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("c.parquet", b"PAR1 canary PAR1"),
        ("c.parquet", parquet(contacts())[:-20]),
        ("c.parquet", parquet(contacts(phone=["canary"])).replace(b"phone", b"\xff\xfe\x80ne")),
        ("c.csv", b'"canary\n'),
        ("c.csv", b"\xffcanary\nw-1\n"),
        ("c.csv", b"phone,phone\ncanary,canary\n"),
        ("c.csv.gz", gzip.compress(ROWS, mtime=0)[:-5]),
    ],
)
def test_a_broken_table_is_refused_without_showing_its_content(parse_file, name, content):
    with pytest.raises((UnreadableFileError, MissingColumnsError, UndeclaredColumnsError)) as caught:
        parse_file("app/contacts", name, content)

    if not isinstance(caught.value, UndeclaredColumnsError):
        assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([Decimal(1)], pa.decimal256(60, 6)),
        pa.array([[("k", 1), ("k", 2)]], pa.map_(pa.string(), pa.int32())),
        pa.array([-(1 << 60)], pa.timestamp("ms", "UTC")),
    ],
)
def test_a_column_of_values_that_cannot_be_held_is_the_files_fault(parse_file, column):
    with pytest.raises(UnreadableFileError, match="values that DuckDB cannot hold"):
        parse_file("app/contacts", "c.parquet", parquet(contacts(custom_fields=column)))


def test_parquet_texts_that_are_not_utf8_are_refused(parse_file):
    buffers = [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")]
    broken = pa.Array.from_buffers(pa.string(), 1, buffers)

    with pytest.raises(UnreadableFileError):
        parse_file("app/contacts", "c.parquet", parquet(contacts(phone=broken)))


def test_a_parquet_file_that_is_small_only_on_disk_is_read_in_bearable_parts(parse_file, monkeypatch):
    monkeypatch.setattr(tables, "_BATCH_BYTES", 1 << 16)
    rows = 500
    table = pa.table(
        {
            "workspace_id": ["w-1"] * rows,
            "contact_id": ["c-1"] * rows,
            "updated_at": ["2026-03-01"] * rows,
            "phone": ["9" * 4_000] * rows,
        }
    )
    content = parquet(table)

    result = parse_file("app/contacts", "c.parquet", content)

    assert len(content) < 20_000
    assert result.rows_read == rows
    assert max(batch.rows_read for batch in result.batches) < 20
    assert result.column("app__contacts", "_record") == list(range(1, rows + 1))


def test_a_parquet_row_larger_than_a_record_may_be_is_set_aside(parse_file):
    table = pa.concat_tables(
        [contacts(phone=["1"]), contacts(phone=["9" * (5 << 20)]), contacts(phone=["3"])]
    )

    result = parse_file("app/contacts", "c.parquet", parquet(table))

    assert result.rejected == [(2, "record_too_large")]
    assert result.column("app__contacts", "_record") == [1, 3]
    assert len(json.loads(result.payload(2))["phone"]) == 5 << 20


def test_a_file_of_another_kind_is_refused(parse_file):
    with pytest.raises(UnsupportedFileError, match="app/contacts"):
        parse_file("app/contacts", "c.pdf", b"")


def test_money_is_decimal_whatever_type_it_comes_in(parse_file):
    for amount in ([12.5], [Decimal("12.50")], ["12.5"]):
        table = pa.table(
            {
                "workspace_id": ["w-1"],
                "invoice_id": ["i-1"],
                "amount": amount,
                "currency": ["EUR"],
                "issued_at": ["2026-03-01"],
                "updated_at": ["2026-03-01"],
            }
        )

        result = parse_file("app/invoices", "i.parquet", parquet(table))

        assert result.column("app__invoices", "amount") == [Decimal("12.500000")]
