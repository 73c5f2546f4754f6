"""Windows of everything outside the store: the inbox, temporary files, logs, manifests, stale leases.

A name in these directories is somebody else's choice: it may be personal, a link, or no text at all.
Links are removed, never followed. What is listed here and nothing else can be removed.
"""

import hmac
import os
import re
import stat
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from filelock import FileLock, Timeout

from warehouse.errors import UndeletableError
from warehouse.files import fsync_directory
from warehouse.home import Home
from warehouse.retention.plan import FileItem, Reason

# Rule and category of a `Reason`; a window stands behind it in `policy.yml`.
RULE = "operational window"

# Names that can be shown: nothing a person chose looks like a path of these directories' owners.
_PLAIN = re.compile(r"[A-Za-z0-9._=-]+(/[A-Za-z0-9._=-]+)*", re.ASCII)

# Written when dbt parses, of project text only; Dagster's definitions are made of them.
_PROJECT_FILES = frozenset({"manifest.json", "partial_parse.msgpack", "semantic_manifest.json"})


@dataclass(frozen=True, slots=True)
class Windows:
    """Days that files are kept, by kind of directory; and what may be shown of the inbox.

    Attributes:
        inbox: Counted from when a file came into this inbox, whatever time it bears.
        tmp: Also of leases and half-written databases that a crash left; a lease that is held stays.
        feeds: Inbox directories whose names are known, e.g. `app/channels`.
        now: The machine's clock (naive UTC), which files age by: a warehouse whose own clock is ahead, as
            with generated data, must not take what came a minute ago for old. None: not known.
    """

    inbox: int
    tmp: int
    dbt: int
    compute_logs: int
    manifests: int
    feeds: frozenset[str] = frozenset()
    now: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    """A directory whose content has a window.

    Attributes:
        pattern: What a name must match; the rest of the directory is not ours.
        deep: Whether directories below belong to it too; empty ones go with their last file.
        in_use: Whether somebody may be writing: then days are counted as full 24 hours.
    """

    kind: str
    root: Path
    days: int
    pattern: re.Pattern[str] = re.compile(".*", re.DOTALL)
    deep: bool = True
    in_use: bool = False


def due_files(
    home: Home, windows: Windows, *, as_of: datetime, name_key: bytes
) -> list[tuple[Path, FileItem]]:
    """Files past their window on the day of ``as_of`` (naive UTC), with their items, by path.

    They age by the machine's clock: a file of the inbox since it came here (``st_ctime``, which nobody
    can set), any other since it was last written. Hidden files, links and empty directories that are
    no feed's end like any other file.

    Args:
        name_key: Hides names; `inbox/<feed>/<keyed hash>` is all that is shown of an inbox file.

    Raises:
        UndeletableError: One of the directories is a link: what lies behind it is not ours to delete.
    """
    due = []
    as_of = min(as_of, windows.now or as_of)
    for place in _places(home, windows):
        for path in _entries(home, place, windows.feeds):
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue  # taken by its owner meanwhile
            if (since := _due(place, status, as_of)) is not None:
                due.append((path, _item(home, place, path, status, since, windows, name_key)))
    return sorted(due, key=lambda found: os.fsencode(found[0]))


def remove_due_files(
    home: Home, windows: Windows, items: Iterable[FileItem], *, as_of: datetime, name_key: bytes
) -> int:
    """Remove those of some items that are there and still due; return how many.

    Looks again right before it removes, so that a file of the same name that came since is safe. Safe to
    run again after a crash: what is gone is not due.
    """
    wanted = Counter(items)
    paths = []
    for path, item in due_files(home, windows, as_of=as_of, name_key=name_key):
        if wanted[item] > 0:
            wanted[item] -= 1
            paths.append(path)
    return remove_files(home, paths)


def remove_files(home: Home, paths: Iterable[Path]) -> int:
    """Unlink files durably, and directories that got empty by it; return how many files went.

    A link goes, what it points to stays. A lease somebody holds stays. The inbox's directories stay
    unless they are named: senders rely on them.

    Raises:
        UndeletableError: A path is none of those that have a window; nothing was removed.
    """
    chosen = list(paths)
    for path in chosen:
        check_deletable(home, path)
    removed = [path for path in chosen if _remove(path)]
    touched = {path.parent for path in removed}
    for directory in sorted(touched, key=lambda d: len(d.parts), reverse=True):
        touched |= _remove_empty(home, directory)
    for directory in touched:
        # A directory that was removed is made so by its parent's sync.
        with suppress(FileNotFoundError):
            fsync_directory(directory)
    return len(removed)


def check_deletable(home: Home, path: Path, *, live_parts: Collection[str] | None = None) -> None:
    """Refuse a path that retention must never unlink, whatever a plan says.

    Args:
        live_parts: Paths, relative to the data directory, of the store files the ledger lists as live.
            Without them nothing in the store may go.

    Raises:
        UndeletableError: The ledger, a database, a key, a live store file, anything outside the listed
            directories, anything reached through a link.
    """
    if ".." in path.parts or not path.is_relative_to(home.data):
        raise UndeletableError("a path outside the data directory")
    # The parent, not the path: a link is removed itself. Nothing on the way may be one.
    if path.parent.resolve() != home.data.resolve() / path.parent.relative_to(home.data):
        raise UndeletableError("a path that goes through a link")
    relative = path.relative_to(home.data)
    if relative.parts[:1] == (home.store.name,):
        if live_parts is None or str(relative) in live_parts or path.suffix not in (".parquet", ".tmp"):
            raise UndeletableError("a file of the store that is live")
        return
    if not any(_covers(place, path) for place in _places(home, _NO_DAYS)):
        raise UndeletableError("a file that no window covers")


_NO_DAYS = Windows(inbox=0, tmp=0, dbt=0, compute_logs=0, manifests=0)


def _places(home: Home, windows: Windows) -> list[_Place]:
    half_written = re.compile(r"\..*\.tmp(\.wal)?", re.DOTALL)
    return [
        _Place("inbox", home.inbox, windows.inbox),
        _Place("tmp", home.tmp, windows.tmp, in_use=True),
        # What a crash left beside the databases while they were being replaced.
        _Place("tmp", home.data, windows.tmp, half_written, deep=False, in_use=True),
        _Place("tmp", home.published_path.parent, windows.tmp, half_written, deep=False, in_use=True),
        _Place("dbt", home.dbt_target, windows.dbt),
        _Place("dbt", home.dbt_logs, windows.dbt),
        _Place("compute_logs", home.dagster / "compute_logs", windows.compute_logs),
        _Place("compute_logs", home.dagster / "artifacts", windows.compute_logs),
        _Place("manifests", home.manifests, windows.manifests),
        _Place("tmp", home.locks, windows.tmp, re.compile(r".*\.lease"), deep=False, in_use=True),
    ]


def _covers(place: _Place, path: Path) -> bool:
    if place.deep:
        inside = path != place.root and path.is_relative_to(place.root)
    else:
        inside = path.parent == place.root
    project = place.kind == "dbt" and path.parent == place.root and path.name in _PROJECT_FILES
    return inside and not project and place.pattern.fullmatch(path.name) is not None


def _entries(home: Home, place: _Place, feeds: frozenset[str]) -> Iterator[Path]:
    """Everything below a place that has a window, links not followed."""
    if not os.path.lexists(place.root):
        return
    if place.root.resolve() != home.data.resolve() / place.root.relative_to(home.data):
        raise UndeletableError(f"{place.root.relative_to(home.data)}, which is a link")
    for folder, directories, files in os.walk(place.root, onerror=_unless_gone, followlinks=False):
        here = Path(folder)
        links = [name for name in directories if (here / name).is_symlink()]
        yield from (path for name in (*files, *links) if _covers(place, path := here / name))
        if not (directories or files) and _is_leftover(home, here, place, feeds):
            yield here
        if not place.deep:
            return


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _is_leftover(home: Home, directory: Path, place: _Place, feeds: frozenset[str]) -> bool:
    """Whether an empty directory is nobody's any more."""
    if directory == place.root:
        return False
    if place.kind != "inbox" or not feeds:
        return place.kind != "inbox"
    name = directory.relative_to(home.inbox).as_posix()
    return not any(feed == name or feed.startswith(f"{name}/") for feed in feeds)


def _due(place: _Place, status: os.stat_result, as_of: datetime) -> date | None:
    """The day on which a file had to go, if that has come."""
    seconds = status.st_ctime if place.kind == "inbox" else status.st_mtime
    since = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    if place.in_use and since + timedelta(days=place.days) > as_of:
        return None
    day = since.date() + timedelta(days=place.days)
    return day if day <= as_of.date() else None


def _item(
    home: Home,
    place: _Place,
    path: Path,
    status: os.stat_result,
    due: date,
    windows: Windows,
    name_key: bytes,
) -> FileItem:
    return FileItem(
        path=_shown(home, place, path, windows.feeds, name_key),
        bytes=status.st_size if stat.S_ISREG(status.st_mode) else 0,
        reason=Reason(rule=RULE, category=place.kind, window_days=place.days, version=None, due=due),
    )


def _shown(home: Home, place: _Place, path: Path, feeds: frozenset[str], name_key: bytes) -> str:
    relative = path.relative_to(home.data)
    text = relative.as_posix()
    if place.kind != "inbox" and _PLAIN.fullmatch(text):
        return text
    hidden = hmac.digest(name_key, os.fsencode(text), "sha256").hex()[:32]
    folder = path.parent.relative_to(place.root).as_posix()
    above = place.root.relative_to(home.data).as_posix()
    return f"{above}/{folder}/{hidden}" if folder in feeds else f"{above}/{hidden}"


def _remove(path: Path) -> bool:
    """Remove one file, link or empty directory; say whether it was there and is gone."""
    if path.suffix == ".lease":
        return _remove_lease(path)
    try:
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink()
    except FileNotFoundError:
        return False
    except OSError:
        # A directory that is in use again stays; a file that cannot be removed is an error.
        if path.is_dir() and not path.is_symlink():
            return False
        raise
    return True


def _remove_lease(path: Path) -> bool:
    probe = FileLock(path)
    try:
        probe.acquire(timeout=0)
    except Timeout:
        return False
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    finally:
        probe.release()
    return True


def _remove_empty(home: Home, directory: Path) -> set[Path]:
    """Remove a directory and those above it as far as they are empty; return the parents of what went."""
    parents: set[Path] = set()
    deep = [p.root for p in _places(home, _NO_DAYS) if p.deep and p.kind != "inbox"]
    while any(directory != root and directory.is_relative_to(root) for root in deep):
        try:
            directory.rmdir()
        except OSError:
            break
        directory = directory.parent
        parents.add(directory)
    return parents
