"""Take lines of a log out of what the runtime of a container, or a terminal, has put around each of them.

Lines whose columns a line above names (W3C Extended Log File Format: IIS, CloudFront) become JSON.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from urllib.parse import unquote

from pipelines.sources.records import MAX_RECORD_BYTES

_TIME = rb"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) "
_LEVELS = rb"(?!(?:trace|debug|info|warn|warning|error|fatal) )"
# What stands before each line, and what follows it in the first.
_BEGINNINGS = (
    (_TIME + rb"std(?:out|err) [FP] ", b""),  # Kubernetes
    (rb"\[pod/\S+\] ", b""),  # kubectl logs --prefix
    (rb"(?:\d+\|)?" + _LEVELS + rb"[a-z][\w.-]* +\| ", b""),  # Docker Compose, pm2
    # kubectl logs --timestamps; other texts behind a time are of the entry whose time it is.
    (_TIME, rb"(?:\d{4}-|[\d.:a-f]+ \S+ \S+ \[|\{)"),
)
# How many lines tell how they are wrapped.
_HEAD = 20
_COLOURS = re.compile(rb"\x1b\[[0-9;]*m")
# What Docker writes of a line: `{"log":"…\n","stream":"stderr","time":"…"}`.
_OF_DOCKER = {"log", "stream"}


# Columns of W3C's format, as nginx calls them.
_W3C = {
    "c-ip": "remote_addr",
    "cs-method": "method",
    "cs-uri-stem": "uri",
    "cs-username": "remote_user",
    "cs-version": "protocol",
    "cs-protocol-version": "protocol",
    "sc-status": "status",
    "sc-bytes": "bytes",
    "cs(Referer)": "http_referer",
    "cs(User-Agent)": "http_user_agent",
}
_FIELDS = b"#Fields:"
_DIRECTIVES = (_FIELDS, b"#Version:", b"#Software:", b"#Date:")


def unwrapped(stream: Iterable[bytes], *, split: Callable[[bytes], list[bytes]]) -> Iterator[bytes]:
    """Yield a stream of lines as the program wrote them, if the first one is wrapped and an entry is within.

    Args:
        split: Cuts before each entry.

    Raises:
        BrokenStreamError: The stream is broken.
    """
    bare: Callable[[bytes], bytes] | None = None
    carry = b""
    for block in stream:
        lines, end, carry = (carry + block).rpartition(b"\n")
        bare = bare or (_wrapping(lines, split) if lines.strip() else None)
        yield _COLOURS.sub(b"", bare(lines) + end if bare else lines + end)
        if len(carry) > MAX_RECORD_BYTES:
            # Whoever cuts the stream says so; here it would fill the memory.
            yield carry
            carry = b""
    yield _COLOURS.sub(b"", (bare or _wrapping(carry, split))(carry))


def _wrapping(lines: bytes, split: Callable[[bytes], list[bytes]]) -> Callable[[bytes], bytes]:
    """Return what takes lines out of what stands around the first of them, if there is an entry within."""
    head = _COLOURS.sub(b"", b"\n".join(lines.lstrip().split(b"\n", _HEAD)[:_HEAD]))
    if head.startswith(_DIRECTIVES):
        return _FromW3c()
    if (inner := _without_json(head)) != head and len(split(b"\n" + inner)) > 1:
        return _without_json
    for beginning, behind in _BEGINNINGS:
        way = partial(re.compile(rb"(?m)^" + beginning).sub, b"")
        if re.match(beginning + behind, head) and len(split(b"\n" + way(head))) > 1:
            return way
    return bytes


def _without_json(lines: bytes) -> bytes:
    return b"\n".join(map(_log, lines.split(b"\n")))


def _log(line: bytes) -> bytes:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return line
    if not isinstance(value, dict) or not value.keys() >= _OF_DOCKER or not isinstance(value["log"], str):
        return line
    return value["log"].removesuffix("\n").encode(errors="surrogatepass")


class _FromW3c:
    """Write rows of W3C's format as JSON, by the columns that the last line about them names."""

    def __init__(self) -> None:
        self._names: list[str] = []

    def __call__(self, lines: bytes) -> bytes:
        return b"\n".join(map(self._row, lines.split(b"\n")))

    def _row(self, line: bytes) -> bytes:
        if line.startswith(b"#"):
            if line.startswith(_FIELDS):
                self._names = line.removeprefix(_FIELDS).decode(errors="replace").split()
            return b""
        text = line.decode(errors="replace").strip()
        values = text.split("\t") if "\t" in text else text.split()
        if not text or len(values) != len(self._names) or "\ufffd" in text:
            return line
        found = dict(zip(self._names, values, strict=True))
        row = {name: found[column] for column, name in _W3C.items() if column in found}
        query = found.get("cs-uri-query", "-")
        row["uri"] = row.get("uri", "") + (f"?{query}" if query != "-" else "")
        # IIS writes `+` for a blank, CloudFront `%20`.
        row["http_user_agent"] = unquote(row.get("http_user_agent", "-").replace("+", " "))
        row["timestamp"] = f"{found.get('date')}T{found.get('time')}Z"
        return json.dumps(row).encode()
