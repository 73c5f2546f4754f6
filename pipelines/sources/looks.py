"""Say what a file looks like, never what is in it."""

import codecs
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
    (rb"\S+ \S+ .{1,200} \[[^\]\n]+\] \"", "an access log"),
    (
        (
            rb"(?:[A-Z], )?\[?(?:\d{4}[-/]\d\d[-/]\d\d|\d\d-[A-Z][a-z]{2}-\d{4})[ T]\d\d:\d\d:\d\d"
            rb"|<\d{1,3}>|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d"
        ),
        "a log",
    ),
    (rb"\s*[\[{]", "JSON"),
    (rb"\s*<", "XML or HTML"),
    (rb"\[?(?:DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL)[:|\]]", "a log whose entries name no time"),
    (rb"id:\S+ ", "SMPP delivery receipts"),
    (rb"\w+=[^\s&]*&\w+=", "form-encoded bodies"),
)
_NO_UTF_8 = frozenset(name for _, name in _SIGNS[:6])
_SEPARATORS = {",": "`,`", ";": "`;`", "\t": "a tab", "|": "`|`"}


def looks_like(path: Path) -> str:
    """Say what the beginning of a file looks like."""
    try:
        head = next(blocks(path, size=_HEAD_BYTES), b"")
    except BrokenStreamError:
        return "a broken archive"
    found = next((name for sign, name in _SIGNS if re.match(sign, head, re.DOTALL)), None)
    looks = found or _table(head.partition(b"\n")[0].decode("latin-1")) or "text"
    return looks if found in _NO_UTF_8 or is_utf_8(head) else f"{looks} in another encoding than UTF-8"


def is_utf_8(head: bytes) -> bool:
    """Return whether the beginning of a file is in UTF-8."""
    try:
        # The head may end within a character.
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _table(line: str) -> str | None:
    separator = max(_SEPARATORS, key=line.count)
    return f"a table separated by {_SEPARATORS[separator]}" if separator in line else None
