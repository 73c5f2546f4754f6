import gzip
import json

import pytest
import zstandard

from pipelines.sources import records, streams
from pipelines.sources.errors import UnreadableFileError

STATUS = {"id": "m-canary", "status": "sent", "timestamp": "1772359200"}
LINE = json.dumps({"entry": [{"changes": [{"value": {"statuses": [STATUS]}}]}]}).encode() + b"\n"


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("in.jsonl", bytes),
        ("in.jsonl.gz", gzip.compress),
        ("in.jsonl.zst", zstandard.compress),
        ("misnamed.jsonl", gzip.compress),
        ("in.jsonl", lambda content: b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n")),
    ],
)
def test_a_file_is_read_whatever_its_compression(parse_file, name, pack):
    result = parse_file("whatsapp", name, pack(LINE * 3))

    assert result.column("whatsapp__statuses", "_record") == [1, 2, 3]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_an_archive_of_nothing_has_no_rows(parse_file, pack):
    assert parse_file("access_log", "access.log.2.gz", pack(b"")).rows_read == 0


def test_concatenated_archives_are_read_to_the_end(parse_file):
    for pack in (gzip.compress, zstandard.compress):
        assert parse_file("whatsapp", "in.jsonl.gz", pack(LINE) + pack(LINE)).rows_read == 2


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("in.jsonl.gz", gzip.compress(LINE * 50, mtime=0)[:-9], "gzip compression is cut off"),
        ("in.jsonl.zst", zstandard.compress(LINE * 50)[:-9], "zstd compression is cut off"),
        ("in.jsonl.gz", gzip.compress(LINE, mtime=0)[:-8] + bytes(8), "gzip compression is corrupt"),
        ("in.jsonl.gz", LINE, "gzip compression is corrupt"),
        ("in.jsonl.gz", b"", "gzip compression is cut off"),
    ],
)
def test_a_broken_archive_is_refused_with_place_and_reason_and_no_content(parse_file, name, content, reason):
    with pytest.raises(UnreadableFileError, match=reason) as caught:
        parse_file("whatsapp", name, content)

    assert "after record" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_a_break_far_into_a_file_is_told_by_the_last_record_before_it(parse_file, monkeypatch):
    monkeypatch.setitem(streams.blocks.__kwdefaults__, "size", 4 * len(LINE))

    with pytest.raises(UnreadableFileError, match=r"after record 4\d\)"):
        parse_file("whatsapp", "in.jsonl.gz", gzip.compress(LINE * 50)[:-9])


def test_a_record_too_large_is_kept_in_pieces_and_the_rest_goes_on(parse_file):
    large = b'{"a": "' + b"x" * (50 << 20) + b'"}'

    result = parse_file("whatsapp", "in.jsonl.gz", gzip.compress(LINE + large + b"\n" + LINE, 1))

    assert result.rejected == [(2, "record_too_large")]
    assert result.column("whatsapp__statuses", "_record") == [1, 3]
    assert result.payload(2) == large
    assert max(len(piece.as_py()) for b in result.batches for piece in b.payloads["payload"]) <= 1 << 20


def test_a_decompression_bomb_is_refused_before_it_unfolds(parse_file, monkeypatch):
    monkeypatch.setattr(records, "MAX_HELD_BYTES", 20 << 20)

    with pytest.raises(UnreadableFileError, match="larger than 20 MiB"):
        parse_file("whatsapp", "in.jsonl.zst", zstandard.compress(b"x" * (64 << 20)))


def test_a_record_across_blocks_is_the_same_as_within_one(parse_file, monkeypatch):
    for size in (7, len(LINE) - 1, len(LINE), len(LINE) + 1):
        monkeypatch.setitem(streams.blocks.__kwdefaults__, "size", size)
        result = parse_file("whatsapp", "in.jsonl", b"\n" + LINE * 3 + b" \n" + LINE[:-1])

        assert result.column("whatsapp__statuses", "_record") == [2, 3, 4, 6]
        assert result.rejected == []


def test_an_empty_file_has_no_batch(parse_file):
    assert parse_file("whatsapp", "in.jsonl", b"").batches == []
    assert parse_file("whatsapp", "in.jsonl", b"\n\n \n").batches == []
