"""Keep sketches of store files, so that a person's rows are found without reading every file.

A sketch holds 32 bits of each token of a file. Whoever looks for tokens opens the files without a sketch, and
those whose sketch has the bits of one: some too many, none too few. Tokens are keyed hashes, so their first
bits are as secret and as evenly spread as they are. They are personal data all the same: a sketch lies beside
its file, under the file's own key, and goes with it.
"""

import secrets
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from warehouse.errors import StoreError
from warehouse.files import fsync_directory, fsync_file, state_of
from warehouse.home import Home
from warehouse.keys.locks import reader_lease, writer_lease
from warehouse.ledger.ledger import Ledger
from warehouse.ledger.parts import Part
from warehouse.store.connection import Engine, quoted, without_values
from warehouse.store.views import raw_scan

# Of a token: its first characters, hexadecimal digits of four bits each.
CHARACTERS = 8
SUFFIX = ".sketch"
_PADDING = b"0" * CHARACTERS
# A file with fewer rows is read as quickly as its sketch.
FEWEST_ROWS = 10_000
# A sketch has a column per first digit: whoever looks for few tokens reads few columns.
_DIGITS = range(16)
_STARTS = np.arange(1, len(_DIGITS), dtype=np.uint32) << 28
# Sketches that are in memory together: some 10 MB.
_AT_ONCE = 16
# Sets of tokens of which it is remembered which sketches have one.
_ASKED = 16
_UNREADABLE = "its sketches could not be read or written"

Bits = npt.NDArray[np.uint32]


def bits_of(tokens: pa.Array | pa.ChunkedArray) -> Bits:
    """Return the bits of each of n texts, in order: of a token its first 32, of another text a number."""
    padded = pc.binary_join_element_wise(tokens.cast(pa.binary()), _PADDING, b"")
    cut = pc.binary_slice(padded, 0, CHARACTERS).cast(pa.binary(CHARACTERS))
    letters = np.frombuffer(b"".join(_buffers(cut)), np.uint8).reshape(-1, CHARACTERS)
    digits = ((letters & 0x0F) + 9 * (letters >> 6)) & 0x0F
    return (digits[:, ::2] << 4 | digits[:, 1::2]).view(">u4").astype(np.uint32).reshape(-1)


def _buffers(cut: pa.Array | pa.ChunkedArray) -> Iterator[bytes]:
    for chunk in cut.chunks if isinstance(cut, pa.ChunkedArray) else [cut]:
        start = chunk.offset * CHARACTERS
        yield chunk.buffers()[1].to_pybytes()[start : start + len(chunk) * CHARACTERS] if len(chunk) else b""


def sketch_path(home: Home, part: Part) -> Path:
    """Return where the sketch of a file lies, if it has one."""
    return Path(f"{home.data}/{part.path.removesuffix('.parquet')}{SUFFIX}")


def files_of(home: Home, part: Part) -> tuple[Path, Path]:
    """Return all that lies on disk of a part: its sketch, which may be missing, then the file itself."""
    return sketch_path(home, part), home.data / part.path


def listed_by(path: str) -> str:
    """Return the file that a sketch is about; of another file, itself."""
    return str(Path(path).with_suffix(".parquet")) if path.endswith(SUFFIX) else path


def sketch_large_files(home: Home, *, ledger: Ledger, engine: Engine, sources: Collection[str]) -> int:
    """Write the sketches that large files of events lack; return how many."""
    missing = [
        part
        for part in ledger.live_parts()
        if part.source in sources
        and part.event_date is not None
        and part.rows >= FEWEST_ROWS
        and not sketch_path(home, part).exists()
    ]
    if not missing:
        return 0
    batch_id = f"sketch{secrets.token_hex(8)}"
    with (
        writer_lease(home.locks, batch_id),
        reader_lease(home.locks, ledger.generation()),
        closing(engine.cursor()) as connection,
    ):
        listed = {part.path for part in ledger.live_parts()}
        there = [part for part in missing if part.path in listed]
        for part in there:
            write_sketch(connection, part, home=home, engine=engine, batch_id=batch_id)
    return len(there)


def write_sketch(
    connection: duckdb.DuckDBPyConnection, part: Part, *, home: Home, engine: Engine, batch_id: str
) -> None:
    """Write the sketch of a file beside it, durably.

    Args:
        batch_id: Of the writer, whose lease keeps the unfinished file.
    """
    bits = _read_bits(connection, part, home=home, engine=engine)
    path = sketch_path(home, part)
    temporary = path.with_name(f".part-{batch_id}-{secrets.token_hex(4)}{SUFFIX}.tmp")
    by_digit = np.split(bits, np.searchsorted(bits, _STARTS))
    cells = {_column(digit): [found.tobytes()] for digit, found in zip(_DIGITS, by_digit, strict=True)}
    connection.register("_sketch", pa.table(cells))
    try:
        with without_values(part.source, _UNREADABLE):
            connection.execute(
                f"copy (from _sketch) to {quoted(str(temporary))} (format parquet, compression uncompressed, "
                f"encryption_config {{footer_key: {quoted(part.key_name)}}})"
            )
        fsync_file(temporary)
        temporary.rename(path)
        fsync_directory(path.parent)
    finally:
        connection.unregister("_sketch")
        temporary.unlink(missing_ok=True)


def parts_naming(
    connection: duckdb.DuckDBPyConnection,
    parts: Sequence[Part],
    tokens: Iterable[str],
    *,
    home: Home,
    engine: Engine,
) -> list[Part]:
    """Return the files that may have one of some tokens: all that have one, and those without a sketch.

    Args:
        tokens: Whole, or their first `CHARACTERS`.
    """
    wanted = _distinct(bits_of(pa.array(tokens, pa.string())))
    paths = {part.path: sketch_path(home, part) for part in parts}
    states = {path: f"{path} {state_of(sketch)}" for path, sketch in paths.items() if sketch.exists()}
    digits = sorted(set((wanted >> 28).tolist()))
    # A request asks several times for the same tokens.
    has_any = engine.asked.pop(wanted.tobytes(), {})
    unread = [part for part in parts if part.path in states and states[part.path] not in has_any]
    has_any |= {
        states[part.path]: _has_any(bits, wanted)
        for part, bits in _sketches(connection, unread, digits, home=home, engine=engine)
    }
    engine.asked = dict([*engine.asked.items(), (wanted.tobytes(), has_any)][-_ASKED:])
    return [part for part in parts if part.path not in states or has_any[states[part.path]]]


def wrong_sketches(home: Home, *, engine: Engine, parts: Sequence[Part]) -> int:
    """Count the files whose sketch is not the one that would be made of them now."""
    sketched = [part for part in parts if sketch_path(home, part).exists()]
    with closing(engine.cursor()) as connection:
        return sum(not _fits(connection, part, home=home, engine=engine) for part in sketched)


def _fits(connection: duckdb.DuckDBPyConnection, part: Part, *, home: Home, engine: Engine) -> bool:
    try:
        ((_, bits),) = _sketches(connection, [part], _DIGITS, home=home, engine=engine)
        return np.array_equal(bits, _read_bits(connection, part, home=home, engine=engine))
    except StoreError:
        return False


def _has_any(bits: Bits, wanted: Bits) -> bool:
    if not len(bits):
        return False
    places = np.searchsorted(bits, wanted)
    return bool((bits[np.minimum(places, len(bits) - 1)] == wanted).any())


def _read_bits(connection: duckdb.DuckDBPyConnection, part: Part, *, home: Home, engine: Engine) -> Bits:
    """Return the bits of all tokens of a file, ascending, each once."""
    engine.add_keys(connection, [part.key_name])
    columns = [name for name in part.columns if name.endswith("_token")]
    with without_values(part.source, _UNREADABLE):
        reader = connection.execute(raw_scan([part], data=home.data, columns=columns)).to_arrow_reader()
        found = [_distinct(bits_of(column.drop_null())) for batch in reader for column in batch.columns]
    return _distinct(np.concatenate([np.empty(0, np.uint32), *found]))


def _distinct(bits: Bits) -> Bits:
    """Return the bits ascending, each once."""
    # `np.unique` of numpy 2.4 takes fifty times as long for 250,000.
    ordered = np.sort(bits)
    distinct: Bits = ordered[np.append(ordered[:1] >= 0, ordered[1:] != ordered[:-1])]
    return distinct


def _sketches(
    connection: duckdb.DuckDBPyConnection,
    parts: Sequence[Part],
    digits: Sequence[int],
    *,
    home: Home,
    engine: Engine,
) -> Iterator[tuple[Part, Bits]]:
    """Yield each file with the bits of its sketch that begin with some digits, a few in memory at a time."""
    engine.add_keys(connection, (part.key_name for part in parts))
    columns = ", ".join(["filename", *map(_column, digits)])
    by_key = sorted(parts, key=lambda part: part.key_name)
    while by_key:
        group = [part for part in by_key[:_AT_ONCE] if part.key_name == by_key[0].key_name]
        by_key = by_key[len(group) :]
        of_file = {str(sketch_path(home, part)): part for part in group}
        listed = ", ".join(map(quoted, of_file))
        with without_values(group[0].source, _UNREADABLE):
            rows = connection.execute(
                f"select {columns} from read_parquet([{listed}], filename = true, "
                f"encryption_config = {{footer_key: {quoted(group[0].key_name)}}})"
            ).fetchall()
        yield from ((of_file[file], np.frombuffer(b"".join(bits), np.uint32)) for file, *bits in rows)


def _column(digit: int) -> str:
    return f"from_{digit:x}"
