"""Name the places outside the store whose files have a window: inbox, temporary files, logs, manifests.

Only files in these places can be removed. Links are never followed.
"""

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from warehouse.errors import UndeletableError
from warehouse.home import Home

# Written when dbt parses, of project text only; Dagster's definitions are made of them.
_PROJECT_FILES = frozenset({"manifest.json", "partial_parse.msgpack", "semantic_manifest.json"})


@dataclass(frozen=True, slots=True)
class Windows:
    """Hold the days that files are kept, by kind of place; and what may be shown of the inbox.

    Attributes:
        inbox: Counted from when a file came into this inbox, whatever time it bears.
        tmp: Also for leases and half-written databases that a crash left; a lease that is held stays.
        feeds: Inbox directories whose names are known, e.g. `app/channels`.
        now: The machine's clock (naive UTC), which files age by; None: not known. The clock of a warehouse
            with generated data may be ahead, and must not make a file old that came a minute ago.
    """

    inbox: int
    tmp: int
    dbt: int
    compute_logs: int
    manifests: int
    feeds: frozenset[str] = frozenset()
    now: datetime | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Describe a directory whose content has a window.

    Attributes:
        pattern: What a name must match; other files in the directory have no window.
        deep: Whether directories below belong to it too; empty ones go with their last file.
        in_use: Whether somebody may be writing: then days are counted as full 24 hours.
    """

    kind: str
    root: Path
    days: int
    pattern: re.Pattern[str] = re.compile(".*", re.DOTALL)
    deep: bool = True
    in_use: bool = False

    def covers(self, path: Path) -> bool:
        """Return whether a path is in this place and has its window."""
        if self.deep:
            inside = path != self.root and path.is_relative_to(self.root)
        else:
            inside = path.parent == self.root
        return inside and self.has_window(path.name, on_top=path.parent == self.root)

    def has_window(self, name: str, *, on_top: bool) -> bool:
        """Return whether a file of this name has the window; ``on_top``: it lies in no directory below."""
        project = self.kind == "dbt" and on_top and name in _PROJECT_FILES
        return not project and self.pattern.fullmatch(name) is not None


def places(home: Home, windows: Windows) -> list[Place]:
    """List the places of a warehouse."""
    half_written = re.compile(r"\..*\.tmp(\.wal)?", re.DOTALL)
    return [
        Place("inbox", home.inbox, windows.inbox),
        Place("tmp", home.tmp, windows.tmp, in_use=True),
        # What a crash left beside the databases while they were being replaced.
        Place("tmp", home.data, windows.tmp, half_written, deep=False, in_use=True),
        Place("tmp", home.published, windows.tmp, half_written, deep=False, in_use=True),
        Place("dbt", home.dbt_target, windows.dbt),
        Place("dbt", home.dbt_logs, windows.dbt),
        Place("compute_logs", home.dagster / "compute_logs", windows.compute_logs),
        Place("compute_logs", home.dagster / "artifacts", windows.compute_logs),
        Place("manifests", home.manifests, windows.manifests),
        Place("tmp", home.locks, windows.tmp, re.compile(r".*\.lease"), deep=False, in_use=True),
    ]


def entries(home: Home, place: Place, feeds: frozenset[str]) -> Iterator[Path]:
    """Yield everything below a place that has a window; links are not followed.

    Raises:
        UndeletableError: The place is a link: what lies behind it is not part of this warehouse.
    """
    if not os.path.lexists(place.root):
        return
    if place.root.resolve() != _unlinked(home, place.root):
        raise UndeletableError(f"{relative(home, place.root)}, which is a link")
    for folder, directories, files in os.walk(place.root, onerror=_unless_gone, followlinks=False):
        here = Path(folder)
        links = [name for name in directories if os.path.islink(os.path.join(folder, name))]  # noqa: PTH114, PTH118
        on_top = here == place.root
        yield from (here / name for name in (*files, *links) if place.has_window(name, on_top=on_top))
        if not (directories or files) and _is_leftover(home, here, place, feeds):
            yield here
        if not place.deep:
            return


def check_deletable(home: Home, path: Path) -> None:
    """Refuse a path that retention must never unlink, whatever a plan says.

    Raises:
        UndeletableError: The ledger, a database, a key, a store file, anything outside the listed places,
            anything reached through a link.
    """
    if ".." in path.parts or not any(map(path.is_relative_to, (home.data, home.published))):
        raise UndeletableError("a path outside the data directory")
    # The parent, not the path: a link is removed itself. Nothing on the way may be one.
    if path.parent.resolve() != _unlinked(home, path.parent):
        raise UndeletableError("a path that goes through a link")
    if not any(place.covers(path) for place in places(home, NO_DAYS)):
        raise UndeletableError("a file that no window covers")


def relative(home: Home, path: Path) -> Path:
    """Return a path below the data directory; of what is published, below the home."""
    return path.relative_to(_base(home, path))


def _unlinked(home: Home, path: Path) -> Path:
    """Return where a path leads if no directory below the base is a link."""
    return _base(home, path).resolve() / relative(home, path)


def _base(home: Home, path: Path) -> Path:
    return home.root if path.is_relative_to(home.published) else home.data


def is_stray(path: Path, *, inbox: Path, feeds: Collection[str]) -> bool:
    """Return whether a path of the inbox lies in no feed's folder, and is not hidden: nobody reads it."""
    return not path.name.startswith(".") and path.parent.relative_to(inbox).as_posix() not in feeds


# For looking at places whatever their windows.
NO_DAYS = Windows(inbox=0, tmp=0, dbt=0, compute_logs=0, manifests=0)


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _is_leftover(home: Home, directory: Path, place: Place, feeds: frozenset[str]) -> bool:
    """Return whether an empty directory belongs to nobody any more."""
    if directory == place.root:
        return False
    if place.kind != "inbox" or not feeds:
        return place.kind != "inbox"
    name = directory.relative_to(home.inbox).as_posix()
    return not any(feed == name or feed.startswith(f"{name}/") for feed in feeds)
