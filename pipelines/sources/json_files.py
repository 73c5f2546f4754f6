"""Read JSON files whose lines are no records: pretty-printed, concatenated, an array, a page of an API."""

import codecs
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from pipelines.declarations.contract import Contract
from pipelines.sources.paths import bare_name, column_path, steps
from pipelines.sources.records import (
    MAX_HELD_BYTES,
    Records,
    records_in_memory,
    records_of,
    split_lines,
    with_line_ends,
)
from pipelines.sources.streams import BrokenStreamError

_DECODER = json.JSONDecoder()
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BETWEEN = re.compile(r"[\s,]*")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
# A first line longer than this is a record, or nothing that can be read.
_LONGEST_FIRST_LINE = 1 << 20
# A list of what a queue delivered: in each a notice, with the body in one of its fields.
_DEEPEST = 4


def json_records(stream: Iterable[bytes], *, contracts: Sequence[Contract], source: str) -> Iterator[Records]:
    """Number the records of a stream of JSON: by their line or, where lines are no records, by their order.

    Args:
        source: What to call the place in rejections.

    Raises:
        BrokenStreamError: The stream is broken, or a JSON document in it is.
    """
    shape = _Shape(contracts)
    blocks = iter(stream)
    head = _first_lines(blocks)
    if _is_document(head, shape):
        values = (record for value in _values(_whole(head, blocks)) for record in shape.records(value))
        yield from records_in_memory((json.dumps(value).encode() for value in values), source=source)
    else:
        lines = with_line_ends(chain([head], blocks))
        yield from records_of(lines, split=split_lines, source=source)


class _Shape:
    """What a record of a feed looks like: an envelope, a body with the keys that lead to rows, or a row."""

    def __init__(self, contracts: Sequence[Contract]) -> None:
        ways = [steps(contract.records) for contract in contracts]
        self._keys = {way[0].name for way in ways if way}
        # The levels above the rows: `entry[].changes[].value`.
        self._levels = ways[0][:-1]
        columns = contracts[0].columns.items() if len(contracts) == 1 else ()
        paths = {column_path(column.path or name): column.required for name, column in columns}
        self._row = {path.keys[0] for path, required in paths.items() if required and not path.up}
        # A row by itself is put where the contract looks for it.
        self._list = ways[0][0].name if [*map(len, ways)] == [1] and ways[0][0].is_list else None
        # Twilio's command line and SDKs write the names of its API in another way: `numSegments`.
        names = {path.keys[0] for path in paths if not path.up}.union(contracts[0].ignored)
        self._spelt = {bare_name(name): name for name in names} if self._list else {}

    def records(self, value: object, depth: int = _DEEPEST) -> list[object]:
        """Return the records in a value: itself, items of an array or a page's list, values of an object."""
        if isinstance(value, list) and depth:
            return [record for item in value for record in self.records(item, depth - 1)]
        if not isinstance(value, dict):
            return [value]
        if self._is_row(row := self._as_spelt(value)):
            return _by_index(row) or [{self._list: [row]} if self._list else row]
        if self._list and value.get(self._list) == []:
            return []
        return self._inner(value, depth - 1) if depth and not self._is_body(value) else [value]

    def _placed(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return a part of a body, the item of one of its lists, within what stands above it in the body."""
        for i in range(1, len(self._levels)):
            if self._levels[i].name in value:
                for level in reversed(self._levels[:i]):
                    value = {level.name: [value] if level.is_list else value}
                break
        return value

    def _inner(self, value: dict[str, object], depth: int) -> list[object]:
        """Return the records in an object that is none."""
        inner = [_opened(item) for item in value.values()]
        bodies = [item for item in inner if self._is_known(item)]
        if bodies:
            # Beside one body stands what somebody noted about it.
            return bodies if len(bodies) == 1 else [r for item in inner for r in self.records(item, 0)]
        ways = [item for item in inner if self._leads(item, depth)]
        return [record for item in ways for record in self.records(item, depth)] or [self._placed(value)]

    def _leads(self, value: object, depth: int) -> bool:
        """Return whether a value holds a record: in a page's list, or in what a queue wrote about it."""
        if self._is_known(value):
            return True
        if isinstance(value, dict):
            value = [_opened(item) for item in value.values()]
        return isinstance(value, list) and depth > 0 and any(self._leads(item, depth - 1) for item in value)

    def _as_spelt(self, value: dict[str, object]) -> dict[str, object]:
        if not self._spelt or self._is_row(value):
            return value
        return {self._spelt.get(bare_name(name), name): item for name, item in value.items()}

    def _is_known(self, value: object) -> bool:
        return isinstance(value, dict) and (self._is_body(value) or self._is_row(self._as_spelt(value)))

    def _is_body(self, value: dict[str, object]) -> bool:
        return {"received_at", "body"} <= value.keys() or not self._keys.isdisjoint(value)

    def _is_row(self, value: dict[str, object]) -> bool:
        return bool(self._row) and self._row <= value.keys()


def _opened(value: object) -> object:
    """Return the JSON object that a text holds, as queues and gateways pass bodies on; else the value."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _by_index(columns: dict[str, Any]) -> list[object]:
    """Return the rows of an object of columns by index, as pandas writes them; none if it is no such."""
    first, *others = columns.values()
    if not isinstance(first, dict) or not all(
        isinstance(c, dict) and c.keys() == first.keys() for c in others
    ):
        return []
    return [{name: column[i] for name, column in columns.items()} for i in first]


def _first_lines(blocks: Iterator[bytes]) -> bytes:
    """Take blocks until the first two lines that are not blank are there."""
    head = b""
    for block in blocks:
        head += block
        if len(head) > _LONGEST_FIRST_LINE or head.lstrip().count(b"\n") > 1:
            break
    return head


def _is_document(head: bytes, shape: _Shape) -> bool:
    """Return whether lines are no records: several make one, one holds several, or several stand in one."""
    if head.startswith(_UTF_16):
        return head.decode("utf-16", "ignore").lstrip().startswith(("{", "["))
    first, _, rest = head.lstrip().partition(b"\n")
    if not first.startswith(b"{"):
        return first.startswith(b"[")
    try:
        text = first.decode()
        value, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return _is_open(first) and not _is_object(rest.lstrip().partition(b"\n")[0])
    return text[end:].lstrip().startswith(("{", ",")) or shape.records(value) != [value]


def _is_open(line: bytes) -> bool:
    """Return whether a line of JSON ends between two tokens, before all its brackets are closed."""
    bare = _STRING.sub(b"", line)
    return b'"' not in bare and sum(map(bare.count, (b"{", b"["))) > sum(map(bare.count, (b"}", b"]")))


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _whole(head: bytes, blocks: Iterator[bytes]) -> str:
    parts, size = [head], len(head)
    for block in blocks:
        parts.append(block)
        size += len(block)
        if size > MAX_HELD_BYTES:
            limit = f"{MAX_HELD_BYTES >> 20} MiB"
            raise BrokenStreamError(
                f"it looks like a JSON document of more than {limit}; write one record per line"
            )
    try:
        return b"".join(parts).decode("utf-16" if head.startswith(_UTF_16) else "utf-8")
    except UnicodeDecodeError:
        raise BrokenStreamError("it looks like a JSON document whose text is in no known encoding") from None


def _values(text: str) -> Iterator[object]:
    """Yield the values of a text, one after the other; of an array, its items."""
    at = _next(text, 0)
    in_array = False
    while at < len(text):
        if text[at] == "[" and not in_array:
            in_array, at = True, _next(text, at + 1)
        elif text[at] == "]" and in_array:
            in_array, at = False, _next(text, at + 1)
        else:
            try:
                value, end = _DECODER.raw_decode(text, at)
            except (ValueError, RecursionError):
                raise _broken(text, at) from None
            yield value
            at = _next(text, end)
    if in_array:
        raise _broken(text, at)


def _next(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    return found.end() if found else at


def _broken(text: str, at: int) -> BrokenStreamError:
    line = text.count("\n", 0, at) + 1
    return BrokenStreamError(f"it looks like a JSON document, but what begins in line {line} is not whole")
