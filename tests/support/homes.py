"""Warehouses that tests start from: made once, kept on disk, copied."""

import hashlib
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from filelock import FileLock

from pipelines.runtime import Runtime, open_runtime
from warehouse.home import Home

ROOT = Path(__file__).parents[2]
_KEPT = ROOT / ".pytest_cache" / "homes"
# What homes are made of: if any of it changes, they are made again.
_CODE = (
    "anonymizers",
    "dbt_project",
    "pipelines",
    "requirements",
    "tests/integration/conftest.py",
    "tests/integration/test_account_end.py",
    "tests/integration/test_marts.py",
    "tests/support",
    "warehouse",
)


def kept(name: str, make: Callable[[Home], None]) -> Home:
    """The warehouse of a name, made by the first process that needs it; nobody may change it.

    Made again where the code or the day is another: what lies beside the data has windows too.
    """
    folder = _KEPT / _digest()
    folder.mkdir(parents=True, exist_ok=True)
    home = Home(folder / name)
    with FileLock(folder / f"{name}.lock"):
        if not home.root.exists():
            unfinished = Home(folder / f"{name}.unfinished")
            shutil.rmtree(unfinished.root, ignore_errors=True)
            make(unfinished)
            unfinished.root.rename(home.root)
    return home


def kept_cache() -> Path:
    """The cache directory of the tests, which they leave for the next ones of the same code and day."""
    folder = _KEPT / _digest() / "cache"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def forget_older() -> None:
    """Remove kept warehouses of other days; those of today may be in use by other tests."""
    yesterday = time.time() - 24 * 60 * 60
    for folder in _KEPT.glob("*"):
        if folder.name != _digest() and folder.stat().st_mtime < yesterday:
            shutil.rmtree(folder, ignore_errors=True)


@cache
def _digest() -> str:
    digest = hashlib.sha256(str(datetime.now(UTC).date()).encode())
    for name in _CODE:
        files = [ROOT / name] if (ROOT / name).is_file() else sorted((ROOT / name).rglob("*"))
        for path in files:
            if path.is_file() and path.suffix not in (".pyc", ".tmp"):
                digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def copied(home: Home, directory: Path) -> Home:
    """A copy of a warehouse, of which nothing is open, in ``directory``."""
    return Home(shutil.copytree(home.root, directory / "home"))


@contextmanager
def prepared(home: Home, directory: Path) -> Iterator[Runtime]:
    """A copy to be filled, of which nothing is open afterwards, so that it can be copied in turn."""
    runtime = open_runtime(copied(home, directory))
    yield runtime
    runtime.store.engine.release()
