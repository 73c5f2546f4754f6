"""Write columns of text as lines, and frames as Parquet and CSV; equal content gives equal bytes."""

import gzip
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.synthetic.errors import InboxNotEmptyError

ROWS_PER_GROUP = 50_000


@dataclass(slots=True)
class Inbox:
    """The folder that is written to, and the counts of what was written so far."""

    root: Path
    records: Counter[str] = field(default_factory=Counter)
    files: int = 0
    size_bytes: int = 0

    def require_empty(self, feeds: Iterable[str]) -> None:
        """Refuse to mix two worlds.

        Raises:
            InboxNotEmptyError: A feed's folder already holds a file.
        """
        for feed in feeds:
            folder = self.root / feed
            if folder.is_dir() and any(p.is_file() for p in folder.iterdir()):
                raise InboxNotEmptyError(feed)

    def write_lines(self, feed: str, name: str, parts: Iterable[pl.Series]) -> None:
        """Write texts one behind the other; they bring their own line ends. Empty: no file."""
        path = self._path(feed, name)
        size = 0
        if name.endswith(".gz"):
            # Neither the time nor the name of the file goes into its header.
            with (
                path.open("wb") as raw,
                gzip.GzipFile("", "wb", compresslevel=1, fileobj=raw, mtime=0) as file,
            ):
                size = sum(file.write(text_bytes(part)) for part in parts)
        else:
            with path.open("wb") as file:
                size = sum(file.write(text_bytes(part)) for part in parts)
        self._close(path, is_empty=size == 0)

    def write_table(
        self, feed: str, day: date, frames: Iterable[pl.DataFrame], *, full: bool = False, csv: bool = False
    ) -> None:
        """Write what arrives of a table on a day, and count its rows; without rows there is no file.

        Args:
            frames: Of one schema; as CSV only one.
            full: Whether the whole table is exported; then there is a file also without rows.
        """
        path = self._path(feed, day_name(day, f"{'full.' if full else ''}{'csv' if csv else 'parquet'}"))
        writer: pq.ParquetWriter | None = None
        is_empty = True
        for frame in (frame for frame in frames if full or len(frame)):
            is_empty = False
            self.records[feed.replace("/", "__")] += len(frame)
            if csv:
                frame.write_csv(path, datetime_format="%Y-%m-%dT%H:%M:%S%.3fZ")
                continue
            table = _plain(frame.to_arrow())
            writer = writer or pq.ParquetWriter(path, table.schema, compression="snappy")
            writer.write_table(table, row_group_size=ROWS_PER_GROUP)
        if writer:
            writer.close()
        if not is_empty:
            self._close(path, is_empty=False)

    def _path(self, feed: str, name: str) -> Path:
        folder = self.root / feed
        folder.mkdir(parents=True, exist_ok=True)
        return folder / name

    def _close(self, path: Path, *, is_empty: bool) -> None:
        if is_empty:
            path.unlink()
            return
        self.files += 1
        self.size_bytes += path.stat().st_size


def text_bytes(texts: pl.Series) -> memoryview:
    """Return all texts of a column joined, without a copy per row."""
    array = texts.rechunk().to_arrow()
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    offsets, data = array.cast(pa.large_string()).buffers()[1:]
    if data is None or not len(array):
        return memoryview(b"")
    edges = memoryview(offsets).cast("q")
    return memoryview(data)[edges[array.offset] : edges[array.offset + len(array)]]


def day_name(day: date, suffix: str) -> str:
    """Return the name of the file that arrives on a day."""
    return f"{day.isoformat()}.{suffix}"


def _plain(table: pa.Table) -> pa.Table:
    """Return a table whose strings have 32-bit offsets, as every other tool writes them."""
    fields = [
        pa.field(f.name, pa.string())
        if pa.types.is_large_string(f.type) or pa.types.is_string_view(f.type)
        else f
        for f in table.schema
    ]
    return table.cast(pa.schema(fields))
