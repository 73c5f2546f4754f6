"""Say what a file looks like, never what is in it."""

import re
from pathlib import Path

from pipelines.sources.streams import BrokenStreamError, blocks

_HEAD_BYTES = 1 << 16
_SIGNS = (
    (rb"PK\x03\x04", "a ZIP archive or an Excel file"),
    (rb"PAR1", "a Parquet file"),
    (rb"%PDF", "a PDF file"),
    (rb"SQLite format 3", "a SQLite database"),
    (rb"\xff\xfe|\xfe\xff|.\x00.\x00", "text in UTF-16"),
    (rb"[^\n]*\x00", "a binary file"),
    (rb"\s*[\[{]", "JSON"),
    (rb"\S+ \S+ .{1,200} \[[^\]\n]+\] \"", "an access log"),
    (rb"\[?\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d|<\d{1,3}>|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ", "a log"),
    (rb"\s*<", "XML or HTML"),
    (rb"id:\S+ ", "SMPP delivery receipts"),
    (rb"\w+=[^\s&]*&\w+=", "form-encoded bodies"),
)
_SEPARATORS = {",": "`,`", ";": "`;`", "\t": "a tab", "|": "`|`"}


def looks_like(path: Path) -> str:
    """Say what the beginning of a file looks like."""
    try:
        head = next(blocks(path, size=_HEAD_BYTES), b"")
    except BrokenStreamError:
        return "a broken archive"
    found = next((name for sign, name in _SIGNS if re.match(sign, head, re.DOTALL)), None)
    return found or _table(head.partition(b"\n")[0].decode("latin-1")) or "text"


def _table(line: str) -> str | None:
    separator = max(_SEPARATORS, key=line.count)
    return f"a table separated by {_SEPARATORS[separator]}" if separator in line else None
