"""From a file, plain or compressed, to blocks of bytes: bounded memory, and no truncation unnoticed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa

BLOCK_BYTES = 16 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_ENDINGS = {".gz": "gzip", ".zst": "zstd"}


class BrokenStreamError(Exception):
    """The bytes end or break off where they should not; says why, without content."""


def blocks(path: Path, *, size: int = BLOCK_BYTES) -> Iterator[bytes]:
    """The decompressed content in blocks of ``size`` bytes, without a leading byte order mark.

    Arrow's streams rather than Python's: they raise on a truncated zstd frame, which
    python-zstandard 0.25 takes for the end, and give at most what is asked for, whatever the
    compressed bytes promise.

    Raises:
        BrokenStreamError: The file is truncated or corrupt.
    """
    kind = _compression(path)
    try:
        with pa.OSFile(str(path), "rb") as file:
            stream = pa.CompressedInputStream(file, kind) if kind else file
            first = True
            while block := _read_fully(stream.read, size):
                yield block.removeprefix(_BYTE_ORDER_MARK) if first else block
                first = False
            # Arrow says so of every other archive that breaks off.
            if first and kind and not path.stat().st_size:
                raise BrokenStreamError(f"its {kind} compression is cut off")
    except (OSError, pa.ArrowException) as error:
        raise BrokenStreamError(_reason(kind, error)) from None


def uncompressed_name(path: Path) -> str:
    """The file's name in lower case, without `.gz` or `.zst`."""
    name = path.name.lower()
    return name.removesuffix(".gz").removesuffix(".zst")


def _compression(path: Path) -> str | None:
    with path.open("rb") as file:
        head = file.read(4)
    if found := next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None):
        return found
    return _ENDINGS.get(path.suffix.lower())


def _read_fully(read: Callable[[int], bytes], size: int) -> bytes:
    parts: list[bytes] = []
    missing = size
    while missing and (part := read(missing)):
        parts.append(part)
        missing -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _reason(kind: str | None, error: Exception) -> str:
    if kind is None:
        return f"the file could not be read ({type(error).__name__})"
    return f"its {kind} compression is {'cut off' if 'runcated' in str(error) else 'corrupt'}"
