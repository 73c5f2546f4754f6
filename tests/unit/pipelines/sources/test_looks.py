import gzip

import pytest

from pipelines.sources.looks import looks_like


@pytest.mark.parametrize(
    ("content", "looks"),
    [
        (b"a,b,c\n1,2,3\n", "a table separated by `,`"),
        (b"a;b;c\n", "a table separated by `;`"),
        (b"a\tb\n", "a table separated by a tab"),
        ("a,b\n".encode("utf-16"), "text in UTF-16"),
        ("a,b\n".encode("utf-16-le"), "text in UTF-16"),
        (b"PK\x03\x04..", "a ZIP archive or an Excel file"),
        (b"PAR1..", "a Parquet file"),
        (b"ab\x00\x01", "a binary file"),
        (b' \n[{"a": 1}]', "JSON"),
        (b"<?xml version='1.0'?>", "XML or HTML"),
        (b'1.2.3.4 - - [17/May/2026:10:05:03 +0200] "GET / HTTP/1.1" 200 1', "an access log"),
        (b"2026-03-01 10:00:00,123 ERROR app: canary", "a log"),
        (b"[2026-03-01 10:00:00,123: ERROR/W-1] canary", "a log"),
        (b"E, [2026-03-01T10:00:00.1 #7] ERROR -- : canary", "a log"),
        (b"[18-Nov-2026 10:00:00 UTC] PHP Warning:  canary", "a log"),
        ("a;b;c\nJürgen;1;2\n".encode("cp1252"), "a table separated by `;` in another encoding than UTF-8"),
        (b"<34>Oct 11 22:14:15 host app: canary", "a log"),
        (b"id:a sub:001 stat:DELIVRD", "SMPP delivery receipts"),
        (b"MessageSid=SM-1&MessageStatus=sent", "form-encoded bodies"),
        (b"canary", "text"),
        (b"", "text"),
        (gzip.compress(b"a,b\n", mtime=0), "a table separated by `,`"),
        (gzip.compress(b"a,b\n", mtime=0)[:9], "a broken archive"),
    ],
)
def test_a_file_is_named_by_what_it_looks_like_and_nothing_of_it_is_quoted(tmp_path, content, looks):
    path = tmp_path / "in"
    path.write_bytes(content)

    assert looks_like(path) == looks
