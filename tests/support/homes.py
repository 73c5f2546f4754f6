"""Warehouses that tests start from."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.runtime import Runtime, open_runtime
from warehouse.home import Home


def copied(home: Home, directory: Path) -> Home:
    """A copy of a warehouse, of which nothing is open, in ``directory``."""
    return Home(shutil.copytree(home.root, directory / "home"))


@contextmanager
def prepared(home: Home, directory: Path) -> Iterator[Runtime]:
    """A copy to be filled, of which nothing is open afterwards, so that it can be copied in turn."""
    runtime = open_runtime(copied(home, directory))
    yield runtime
    runtime.engine.release()
