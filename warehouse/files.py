"""Write files durably: after a crash a file is there whole, or not at all."""

import glob
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def fsync_directory(directory: Path) -> None:
    """Make the names in a directory durable (a rename is not, until its directory is synced)."""
    _fsync(directory, os.O_RDONLY | os.O_DIRECTORY)


def fsync_file(path: Path) -> None:
    """Make the content of a closed file durable."""
    _fsync(path, os.O_RDONLY)


def _fsync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def state_of(path: Path) -> str:
    """Return a file's size and time of writing, which tell whether it is as it was left."""
    status = path.stat()
    return f"{status.st_size} {status.st_mtime_ns}"


def leftovers_of(path: Path) -> list[Path]:
    """List what a killed `replacing` left of ``path``, and the logs DuckDB kept beside it."""
    return sorted(path.parent.glob(f".{glob.escape(path.name)}.*.tmp*"))


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it becomes ``path``, durably and at once.

    Several processes may do so at the same time: each has a temporary file of its own, the last one stays.
    On an exception the temporary file is removed and ``path`` is as it was.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        yield temporary
        fsync_file(temporary)
        temporary.replace(path)
        fsync_directory(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def replace_text(path: Path, text: str) -> None:
    """Write a text (UTF-8) as a file, which is replaced as a whole."""
    with replacing(path) as temporary:
        temporary.write_text(text, "utf-8")


def unlink_durably(*paths: Path) -> None:
    """Remove files, whether or not they are still there, and make their absence durable."""
    for path in paths:
        path.unlink(missing_ok=True)
    for directory in {path.parent for path in paths}:
        if directory.is_dir():
            fsync_directory(directory)
