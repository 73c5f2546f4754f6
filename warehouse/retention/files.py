"""Find and remove files outside the store that are past their window.

A name in these places was chosen by somebody else: it may be personal, a link, or no text at all. Links are
removed, never followed.
"""

import hmac
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from filelock import FileLock, Timeout

from warehouse.files import fsync_directory
from warehouse.home import Home
from warehouse.retention.places import (
    NO_DAYS,
    Place,
    Windows,
    check_deletable,
    entries,
    is_stray,
    places,
    relative,
)
from warehouse.retention.plan import FileItem, Reason

# Rule and category of a `Reason`; a window stands behind it in `policy.yml`.
RULE = "operational window"

# Names that can be shown: only these characters, as our own programs use them.
_PLAIN = re.compile(r"[A-Za-z0-9._=-]+(/[A-Za-z0-9._=-]+)*", re.ASCII)


def due_files(
    home: Home, windows: Windows, *, as_of: datetime, name_key: bytes
) -> list[tuple[Path, FileItem]]:
    """Return files past their window on the day of ``as_of`` (naive UTC), with their items, by path.

    They age by the machine's clock: a file of the inbox since it came here (``st_ctime``, which nobody
    can set), any other since it was last written. Hidden files, links and empty directories that are
    no feed's are treated like any other file; other files that are in no feed's folder stay.

    Args:
        name_key: Hides names; `inbox/<feed>/<keyed hash>` is all that is shown of an inbox file.

    Raises:
        UndeletableError: One of the places is a link.
    """
    due = []
    as_of = min(as_of, windows.now or as_of)
    for place in places(home, windows):
        for path in entries(home, place, windows.feeds):
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue  # taken by its owner meanwhile
            is_inbox_file = place.kind == "inbox" and stat.S_ISREG(status.st_mode)
            if is_inbox_file and windows.feeds and is_stray(path, inbox=place.root, feeds=windows.feeds):
                continue  # nobody has read it: a person decides
            if (since := _due(place, status, as_of)) is not None:
                size = status.st_size if stat.S_ISREG(status.st_mode) else 0
                shown = _shown(home, place, path, windows.feeds, name_key)
                reason = Reason(RULE, place.kind, place.days, version=None, due=since)
                due.append((path, FileItem(shown, size, reason)))
    return sorted(due, key=lambda found: os.fsencode(found[0]))


def remove_due_files(
    home: Home, windows: Windows, items: Iterable[FileItem], *, as_of: datetime, name_key: bytes
) -> int:
    """Remove some items, as far as they are there and still due; return how many.

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
    """Unlink files durably, and directories that this leaves empty; return how many files went.

    Of a link only the link goes. A lease that somebody holds stays. Directories of the inbox stay unless
    they are among ``paths``: senders rely on them.

    Raises:
        UndeletableError: A path is in no place that has a window; nothing was removed.
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


def _due(place: Place, status: os.stat_result, as_of: datetime) -> date | None:
    """Return the day on which a file had to go; None if that day has not come."""
    seconds = status.st_ctime if place.kind == "inbox" else status.st_mtime
    since = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    if place.in_use and since + timedelta(days=place.days) > as_of:
        return None
    day = since.date() + timedelta(days=place.days)
    return day if day <= as_of.date() else None


def _shown(home: Home, place: Place, path: Path, feeds: frozenset[str], name_key: bytes) -> str:
    text = relative(home, path).as_posix()
    if place.kind != "inbox" and _PLAIN.fullmatch(text):
        return text
    hidden = hmac.digest(name_key, os.fsencode(text), "sha256").hex()[:32]
    folder = path.parent.relative_to(place.root).as_posix()
    above = relative(home, place.root).as_posix()
    return f"{above}/{folder}/{hidden}" if folder in feeds else f"{above}/{hidden}"


def _remove(path: Path) -> bool:
    """Remove one file, link or empty directory; return whether it was there and is gone."""
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
    deep = [p.root for p in places(home, NO_DAYS) if p.deep and p.kind != "inbox"]
    while any(directory != root and directory.is_relative_to(root) for root in deep):
        try:
            directory.rmdir()
        except OSError:
            break
        directory = directory.parent
        parents.add(directory)
    return parents
