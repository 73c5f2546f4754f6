"""Read JSON files whose lines are no records: pretty-printed, concatenated, an array, a page of an API."""

import codecs
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from pipelines.declarations.contract import Contract
from pipelines.sources.paths import bare_name, column_path, steps
from pipelines.sources.records import MAX_HELD_BYTES, Records, records_in_memory, records_of, split_lines
from pipelines.sources.streams import BrokenStreamError

_DECODER = json.JSONDecoder()
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BETWEEN = re.compile(r"[\s,]*")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
# A first line longer than this is a record, or nothing that can be read.
_LONGEST_FIRST_LINE = 1 << 20
# An array of pages that each hold a list of records.
_DEEPEST = 3


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
        yield from records_of(chain([head], blocks), split=split_lines, source=source)


class _Shape:
    """What a record of a feed looks like: an envelope, a body with the keys that lead to rows, or a row."""

    def __init__(self, contracts: Sequence[Contract]) -> None:
        ways = [steps(contract.records) for contract in contracts]
        self._keys = {way[0].name for way in ways if way}
        columns = contracts[0].columns.items() if len(contracts) == 1 else ()
        paths = [column_path(column.path or name) for name, column in columns if column.required]
        self._row = {path.keys[0] for path in paths if not path.up}
        names = [column.path or name for name, column in columns]
        self._spelt = {bare_name(name): name for name in (*contracts[0].ignored, *names)}
        # A row by itself is put where the contract looks for it.
        self._list = ways[0][0].name if [*map(len, ways)] == [1] and ways[0][0].is_list else None

    def records(self, value: object, depth: int = _DEEPEST) -> list[object]:
        """Return the records in a value: itself, items of an array or a page's list, values of an object."""
        if isinstance(value, list) and depth:
            return [record for item in value for record in self.records(item, depth - 1)]
        row = self._as_spelt(value)
        if self._is_row(row):
            return [{self._list: [row]} if self._list else value]
        if not isinstance(value, dict) or not depth or self._is_body(value):
            return [value]
        inner = list(value.values())
        if any(self._is_body(item) for item in inner):
            return inner
        pages = [item for item in inner if isinstance(item, list) and any(map(self._is_known, item))]
        return [record for page in pages for record in self.records(page, depth - 1)] or [value]

    def _as_spelt(self, value: object) -> object:
        """Return an object with its keys as the provider's API spells them: SDKs write `numSegments`."""
        if not isinstance(value, dict) or not self._list or self._is_row(value):
            return value
        return {self._spelt.get(bare_name(key), key): inner for key, inner in value.items()}

    def _is_known(self, value: object) -> bool:
        return self._is_body(value) or self._is_row(value)

    def _is_body(self, value: object) -> bool:
        return isinstance(value, dict) and (
            {"received_at", "body"} <= value.keys() or not self._keys.isdisjoint(value)
        )

    def _is_row(self, value: object) -> bool:
        return isinstance(value, dict) and bool(self._row) and self._row <= value.keys()


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
