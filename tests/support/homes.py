"""Warehouses that tests start from."""

import shutil
from pathlib import Path

from warehouse.home import Home


def copied(home: Home, directory: Path) -> Home:
    """A copy of a warehouse, of which nothing is open, in ``directory``."""
    return Home(shutil.copytree(home.root, directory / "home"))
