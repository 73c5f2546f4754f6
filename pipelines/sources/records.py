"""From blocks of bytes to numbered records, a batch at a time, without parsing any of them."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.sources.batch import PAYLOADS, PIECE_BYTES, REJECTED, in_pieces
from pipelines.sources.streams import BLOCK_BYTES, BrokenStreamError

# The Cloud API documents bodies of up to 3 MB; nothing legitimate is larger.
MAX_RECORD_BYTES = 4 << 20
# A larger one is kept in pieces for quarantine, up to this; a decompression bomb goes no further.
MAX_HELD_BYTES = 64 << 20
BLANKS = " \t\r\n\v\f"
# A line that begins as an entry of some log does, in whatever form: what cannot be read is counted, not taken
# for the traceback of the entry above it.
_ENTRY_START = re.compile(
    rb"\n(?=(?:[A-Z], )?\[?\d{4}[-/.]?\d\d[-/.]?\d\d[ T_-]\d\d:?\d\d"  # ISO 8601, also Ruby's
    rb"|(?:[A-Z][a-z]{2}, )?\[?\d{1,2}[-/. ](?:\d{1,2}|[A-Z][a-z]{2})[-/. ]\d{2,4}[ :,T]+\d{1,2}:\d\d"
    rb"|\[?(?:\d{6} )?\d\d:\d\d:\d\d(?:[\].,]| \[?[A-Z]{3,8}\b)"  # a time of day
    rb"|\[?[A-Z][a-z]{2} \d{1,2}, \d{4},? \d"  # Nov 18, 2026
    rb"|\d+:[A-Z] \d"  # Redis
    rb"|panic: "  # Go
    rb"|(?:time|ts?|level|lvl|msg)="  # logfmt
    rb"|(?:<\d{1,3}>|\[?(?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)"  # syslog, Apache
    rb"|\d{10}(?:\.\d+|\d{3})? "  # seconds
    rb"|[DIWEF]\d{4} \d\d:\d\d:\d\d"  # glog
    # A level.
    rb"|\[?(?:DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL|SEVERE)(?:[:|\]]| +(?:[|\d[]|- \d|[\w.]+ - ))"
    rb"|(?:\[?(?:debug|info|warn|error|fatal)\] \d|(?:info|warn|fail|crit): [\w.]+\[\d)"
    rb"|[\da-fA-F.:]+ \S+ \S+ \[\d\d/"  # requests
    rb'|\{ ?"[\w@.-]+" ?:)'  # JSON
)
# Cuts at every end of a record; the last piece is the beginning of the next one.
Split = Callable[[bytes], list[bytes]]
_FAULT = (
    pl.when(pl.col("payload").bin.size() > MAX_RECORD_BYTES)
    .then(pl.lit("record_too_large"))
    .when(pl.col("payload").bin.contains(b"\0"))
    .then(pl.lit("nul_byte"))
    .when(pl.col("text").is_null())
    .then(pl.lit("invalid_utf8"))
)


@dataclass(frozen=True, slots=True, repr=False)
class Records:
    """A batch of raw records. ``repr`` is off: it holds them.

    Attributes:
        text: record, text; those that are valid text of bearable size.
        rejected: Those that are not.
        payloads: All of them.
        first: Number of the first record.
        last: Number of the last one.
    """

    text: pa.Table
    rejected: pa.Table
    payloads: pa.Table
    first: int
    last: int

    def halves(self) -> "tuple[Records, Records]":
        """The same records as two batches."""
        middle = self.text.num_rows // 2
        number = self.text["record"][middle].as_py()

        def part(text: pa.Table, keep: pc.Expression, first: int, last: int) -> "Records":
            return replace(
                self,
                text=text,
                rejected=self.rejected.filter(keep),
                payloads=self.payloads.filter(keep),
                first=first,
                last=last,
            )

        return (
            part(self.text.slice(0, middle), pc.field("record") < number, self.first, number - 1),
            part(self.text.slice(middle), pc.field("record") >= number, number, self.last),
        )


def with_line_ends(stream: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a stream of lines that end as on Unix, if those of its first block end as on a Mac of old."""
    blocks = iter(stream)
    first = next(blocks, b"")
    # The last byte of a block may be the first half of an end.
    has_returns = b"\r" in first[:-1] and b"\n" not in first
    for block in chain([first], blocks):
        yield block.replace(b"\r", b"\n") if has_returns else block


def split_lines(data: bytes) -> list[bytes]:
    """One record per line."""
    return data.split(b"\n")


def split_entries(data: bytes) -> list[bytes]:
    """One record per log entry: a line that begins as one, and the lines up to the next such."""
    return _ENTRY_START.split(data)


def records_of(
    stream: Iterable[bytes], *, split: Split, source: str, split_last: Split = lambda carry: [carry]
) -> Iterator[Records]:
    """Number the records of a stream by the line they begin on.

    Args:
        split: How records end.
        split_last: The same of what is left when the stream has ended.
        source: What to call the place in rejections.

    Raises:
        BrokenStreamError: The stream is broken, or a record exceeds `MAX_HELD_BYTES`.
    """
    carry = b""
    line = 1
    for block in stream:
        data = carry + block
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n")
        whole = split(data)
        carry = whole.pop()
        if len(carry) > MAX_HELD_BYTES:
            raise BrokenStreamError(f"a record is larger than {MAX_HELD_BYTES >> 20} MiB")
        if whole:
            yield _checked(whole, first=line, source=source, by_line=split is not split_lines)
            line += len(whole) if split is split_lines else data.count(b"\n") - carry.count(b"\n")
    if carry := carry.removesuffix(b"\n"):
        yield _checked(split_last(carry), first=line, source=source, by_line=True)


def records_in_memory(records: Iterable[bytes], *, source: str) -> Iterator[Records]:
    """Batches of raw records that are already apart, numbered from 1."""
    number = 1
    for some in _by_size(iter(records)):
        yield _checked(some, first=number, source=source)
        number += len(some)


def _by_size(records: Iterator[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for record in records:
        batch.append(record)
        size += len(record)
        if size >= BLOCK_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _checked(raw: list[bytes], *, first: int, source: str, by_line: bool = False) -> Records:
    payload = pa.array(raw, pa.large_binary())
    numbers = _numbers(raw, first=first, by_line=by_line)
    text = _decoded(payload)
    if _is_clean(payload) and not text.null_count:
        # Nothing to leave out, so nothing to copy.
        return Records(
            text=pa.table([numbers, text], names=["record", "text"]),
            rejected=REJECTED.empty_table(),
            payloads=pa.table([numbers, payload], schema=PAYLOADS),
            first=first,
            last=int(numbers[-1]),
        )
    frame = (
        pl.DataFrame({"record": numbers, "payload": payload, "text": text})
        .with_columns(_FAULT.alias("reason"))
        .filter(pl.col("reason").is_not_null() | (pl.col("text").str.strip_chars(BLANKS) != ""))
    )
    bad = frame.filter(pl.col("reason").is_not_null())
    return Records(
        text=_arrow(frame.filter(pl.col("reason").is_null()).select("record", "text")),
        rejected=_arrow(bad.select("record", pl.lit(source).alias("source"), "reason")).cast(REJECTED),
        payloads=in_pieces(_arrow(frame.select("record", "payload"))),
        first=first,
        last=int(frame["record"][-1]) if frame.height else first,
    )


def _is_clean(payload: pa.LargeBinaryArray) -> bool:
    """Return whether no record is blank, too large for one cell or holds a NUL byte; False in doubt."""
    _, offsets, content = payload.buffers()
    ends = np.frombuffer(offsets, np.int64, len(payload) + 1)
    sizes = np.diff(ends)
    if not sizes.all() or sizes.max() > PIECE_BYTES:
        return False
    characters = np.frombuffer(content, np.uint8, ends[-1])
    return bool(characters.all() and (characters[ends[:-1]] > ord(" ")).all())


def _decoded(payload: pa.Array) -> pa.Array:
    try:
        return payload.cast(pa.large_string())
    except pa.ArrowInvalid:
        # Only a batch with invalid UTF-8 in it is decoded record by record.
        return pa.array([_text(record) for record in payload.to_pylist()], pa.large_string())


def _text(record: bytes) -> str | None:
    try:
        return record.decode()
    except UnicodeDecodeError:
        return None


def _numbers(raw: list[bytes], *, first: int, by_line: bool) -> "npt.NDArray[np.int64]":
    if not by_line:
        return np.arange(first, first + len(raw))
    lines = np.fromiter((record.count(b"\n") + 1 for record in raw), np.int64)
    return first + lines.cumsum() - lines


def _arrow(frame: pl.DataFrame) -> pa.Table:
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())
