"""Whatever a file holds, a reader gives rows and rejections, or says in its own words why not.

The seeds are one small file of each kind; Hypothesis changes their bytes. `make stress` tries thousands.
"""

import gzip
import io
import json
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.declarations.contract import contracts_of, load_contracts
from pipelines.sources.errors import AccountingError, EngineError, SourceError
from pipelines.sources.reading import read
from tests.support.workbooks import sheet, workbook

CANARY = "canary4915550001234"
RECEIVED_AT = datetime(2026, 3, 2)
HEADER = ["workspace_id", "outbox_id", "channel", "recipient", "outcome", "body", "price", "queued_at"]
ROW = ["w-1", "o-1", "sms", CANARY, "accepted", 'say "hi",\nyes', "0,10", "2026-03-01T10:00:00Z"]
WHATSAPP = {
    "object": "whatsapp_business_account",
    "entry": [
        {
            "id": "900",
            "changes": [
                {
                    "field": "messages",
                    "value": {
                        "metadata": {"phone_number_id": "111"},
                        "statuses": [
                            {
                                "id": "wamid.1",
                                "status": "sent",
                                "timestamp": "1772359200",
                                "recipient_id": CANARY,
                            }
                        ],
                        "messages": [
                            {"id": "wamid.2", "type": "text", "timestamp": "1772359200", "from": CANARY}
                        ],
                    },
                }
            ],
        }
    ],
}
ENVELOPE = {"received_at": "2026-03-01T10:00:00Z", "channel": "whatsapp/111", "body": WHATSAPP}


def csv_file(separator: str) -> bytes:
    cells = ['"' + cell.replace('"', '""') + '"' for cell in ROW]
    loose = [*ROW[:5], '12" pizza', "1.5", ROW[7]]
    return "\n".join(separator.join(row) for row in (HEADER, cells, loose)).encode()


def parquet_file(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


SEEDS: dict[tuple[str, str], list[bytes]] = {
    ("app/messages", "m.csv"): [
        *(csv_file(separator) for separator in ",;\t|"),
        b"sep=;\n" + csv_file(";"),
        csv_file(",").decode().encode("utf-16"),
        csv_file(",").replace(b"\n", b"\r"),
    ],
    ("app/messages", "m.xlsx"): [workbook(sheet([HEADER, ROW]), sheet([]))],
    ("app/messages", "m.parquet"): [
        parquet_file(pa.table({n: [v] for n, v in zip(HEADER, ROW, strict=True)}))
    ],
    ("app/messages", "m.jsonl"): [json.dumps(dict(zip(HEADER, ROW, strict=True))).encode()],
    ("whatsapp", "w.jsonl"): [json.dumps(WHATSAPP).encode(), json.dumps(ENVELOPE).encode()],
    ("twilio", "t.jsonl"): [
        b"MessageSid=SM-1&MessageStatus=sent&To=%2B4915550001&ErrorCode=&RawDlrDoneDate=2603010905",
        json.dumps({**ENVELOPE, "body": "MessageSid=SM-2&MessageStatus=sent&To=a+b%26c"}).encode(),
    ],
    ("twilio_export", "t.jsonl"): [
        b'{"sid":"SM-1","direction":"inbound","from":"+49155","date_sent":"Mon, 02 Mar 2026 10:00:00 +0000"}'
    ],
    ("smpp", "s.jsonl"): [
        b"id:a sub:001 dlvrd:001 submit date:2603010905 done date:2603010905 stat:DELIVRD err:000 text:x"
    ],
    ("access_log", "a.log"): [
        b'192.0.2.7 - - [01/Mar/2026:10:05:03 +0200] "GET /a?b=%41 HTTP/1.1" 200 12 "-" "Nav/1 (\\"x\\")"'
    ],
    ("error_log", "e.log"): [
        b'2026-03-01 10:00:00 ERROR app: broken\nTraceback (most recent call last):\n  File "a.py"\nX: y'
    ],
}
# What breaks parsers: quotes, line ends, zero bytes, marks of encodings, long numbers, nesting, escapes.
TOKENS = [
    *(
        b'"',
        b'""',
        b"'",
        b"=",
        b",",
        b";",
        b"\t",
        b"|",
        b"\n",
        b"\r",
        b"\r\n",
        b"\0",
        b"\\",
        b"%",
        b"%u",
        b":",
    ),
    *(b"\xff", b"\xc3", b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\x80", b"\xe2\x80\xa8", "🙂".encode()),
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b"[" * 200,
        b'{"a":' * 99,
        b"null",
        b"true",
        b"1e999",
        b"-1",
        b"9" * 40,
        b"\\ud800",
    ),
    *(b"0000-00-00", b"9999999-12-31", b"infinity", b"+99:99", b"NaN", b"\\u0000", b"<", b"&#0;", b"sep=:\n"),
]
edits = st.lists(
    st.tuples(
        st.integers(0, 1 << 16),
        st.integers(0, 60),
        st.sampled_from(TOKENS) | st.binary(max_size=6),
        st.sampled_from([1, 1, 1, 50]),
    ),
    max_size=8,
)


def changed(content: bytes, changes: list[tuple[int, int, bytes, int]]) -> bytes:
    for position, deleted, inserted, times in changes:
        at = position % (len(content) + 1)
        content = content[:at] + inserted * times + content[at + deleted :]
    return content


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def read_or_refused(path: Path, feed: str, content: bytes) -> None:
    """Read a file to its end, or see it refused without a value of it and for no defect of the parser."""
    path.write_bytes(content)
    batches = read(path, contracts=contracts_of(feed, load_contracts()), received_at=RECEIVED_AT)
    refusal = ""
    try:
        assert all(batch.rows_read for batch in batches)
    except (EngineError, AccountingError):
        raise
    except SourceError as error:
        refusal = str(error)
    assert CANARY not in refusal


@pytest.mark.parametrize(("feed", "name"), SEEDS, ids=[f"{feed} {name}" for feed, name in SEEDS])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_change_of_bytes_gets_an_error_of_a_library_out_of_a_reader(folder, feed, name, data):
    seeds = data.draw(st.lists(st.sampled_from(SEEDS[feed, name]), min_size=1, max_size=3))
    joined = b"" if name.endswith((".xlsx", ".parquet")) else b"\n"
    content = changed(joined.join(seeds[: 1 if joined == b"" else 3]), data.draw(edits))
    packed = data.draw(st.sampled_from([False, False, True])) and joined != b""

    read_or_refused(folder / name, feed, gzip.compress(content) if packed else content)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=edits)
def test_no_sheet_gets_an_error_of_a_library_out_of_the_reader(folder, changes):
    text = changed(sheet([HEADER, ROW, [1.5, None, "<c><v>1</v></c>"]]).encode(), changes)

    read_or_refused(folder / "m.xlsx", "app/messages", workbook(text.decode("utf-8", "replace")))


VALUES = {
    pa.string(): st.text(max_size=6),
    pa.large_binary(): st.binary(max_size=6),
    pa.int64(): st.integers(-(1 << 63), (1 << 63) - 1),
    pa.float64(): st.floats(),
    pa.decimal256(60, 6): st.decimals(-(10**50), 10**50, places=6),
    pa.bool_(): st.booleans(),
    pa.timestamp("ns"): st.integers(-(1 << 63), (1 << 63) - 1),
    pa.timestamp("s", "UTC"): st.integers(-(1 << 62), 1 << 62),
    pa.date64(): st.dates(),
    pa.time64("ns"): st.integers(0, 86_400 * 10**9 - 1),
    pa.duration("ms"): st.integers(-(1 << 62), 1 << 62),
    pa.null(): st.none(),
    pa.dictionary(pa.int8(), pa.string()): st.text(max_size=6),
    pa.list_(pa.string()): st.lists(st.text(max_size=3), max_size=3),
    pa.struct([("a", pa.float64())]): st.fixed_dictionaries({"a": st.floats()}),
    pa.map_(pa.string(), pa.int32()): st.lists(st.tuples(st.text(max_size=3), st.integers(0, 9)), max_size=2),
}


@st.composite
def columns(draw: st.DrawFn, rows: int) -> pa.Array:
    kind = draw(st.sampled_from(list(VALUES)))
    values = draw(st.lists(st.none() | VALUES[kind], min_size=rows, max_size=rows))
    try:
        return pa.array(values, kind)
    except pa.ArrowException:
        return pa.nulls(rows, kind)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_type_of_a_column_gets_an_error_of_a_library_out_of_the_reader(folder, data):
    rows = data.draw(st.integers(0, 3))
    names = [
        *data.draw(st.sets(st.sampled_from(HEADER))),
        *data.draw(st.lists(st.text(max_size=3), max_size=1)),
    ]
    fields = {name: data.draw(columns(rows)) for name in names}
    try:
        content = parquet_file(pa.table(fields))
    except pa.ArrowException:
        return

    read_or_refused(folder / "m.parquet", "app/messages", content)
