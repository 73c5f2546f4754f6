"""Verify files of the store by the ledger's list, other files and counters of words by their windows."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

from warehouse.errors import UndeletableError
from warehouse.home import Home
from warehouse.keys.keyring import LONGEST_UNNEEDED, KeyRing, Purpose
from warehouse.keys.locks import writing_batches
from warehouse.ledger.ledger import Ledger
from warehouse.ledger.parts import Part
from warehouse.retention import records
from warehouse.retention.files import due_files
from warehouse.retention.finding import APPLY, REPORT, Finding
from warehouse.retention.places import Windows
from warehouse.store.housekeeping import LONGEST_LEASE
from warehouse.store.inspection import damaged_files
from warehouse.store.sketches import listed_by

# Files that were replaced by files with the same rows are unlinked when a day closes, at the latest.
LONGEST_HIDDEN = timedelta(days=1) + LONGEST_LEASE

_OLD_COPY = f"Was an old copy of the key directory put back? {APPLY}"
_PART_NAME = re.compile(r"\.?part-([A-Za-z0-9]+)-")


def store_findings(home: Home, ledger: Ledger, parts: Sequence[Part]) -> Iterator[Finding]:
    """Compare the files of the store with the ledger's list; the caller holds a reader lease."""
    # In this order: what is committed after the first look is found in the last.
    on_disk = {
        str(path.relative_to(home.data)): path.name for path in home.store.rglob("*") if not path.is_dir()
    }
    writing = writing_batches(home.locks)
    listed = ledger.known_paths()
    unlisted = [
        path
        for path, name in on_disk.items()
        if listed_by(path) not in listed and _batch_of(name) not in writing
    ]
    # Files that went meanwhile were about to be removed.
    if unlisted := [path for path in unlisted if os.path.lexists(home.data / path)]:
        yield Finding("store", "file(s) that the ledger does not list", len(unlisted), REPORT)
    if damaged := damaged_files(home, parts):
        yield Finding(
            "store",
            "file(s) that are missing or not of the size that was written",
            damaged,
            "Restore them from backup.",
        )
    if waiting := _hidden_too_long(home, ledger):
        yield Finding("store", "file(s) that were deleted and are still on disk", waiting)


def _batch_of(name: str) -> str:
    found = _PART_NAME.match(name)
    return found.group(1) if found else ""


def _hidden_too_long(home: Home, ledger: Ledger) -> int:
    now = datetime.now(UTC).replace(tzinfo=None)
    waiting = ledger.read(
        "select path from parts where removed is not null and unlinked_at is null and "
        "removed_at < case when removed_why in ('replaced', 'compacted') then ? else ? end",
        *((now - LONGEST_HIDDEN).isoformat(), (now - LONGEST_LEASE).isoformat()),
    )
    return sum(os.path.lexists(home.data / row["path"]) for row in waiting)


def keyless_findings(keyring: KeyRing, parts: Iterable[Part], *, as_of: datetime) -> Iterator[Finding]:
    """Report files of the store that are not due and whose key is gone."""
    lost = Counter(
        part.source
        for part in parts
        if not keyring.has(Purpose.PARQUET, part.key_name) and not _is_due(part, as_of)
    )
    for source, files in sorted(lost.items()):
        remedy = "Restore the key directory; without it nobody can show that these rows may be there."
        yield Finding(source, "file(s) whose key is gone", files, remedy)


def _is_due(part: Part, as_of: datetime) -> bool:
    if part.event_date is None or part.retention_days is None:
        return False
    return part.event_date + timedelta(days=part.retention_days) <= as_of.date()


def other_findings(home: Home, keyring: KeyRing, windows: Windows, *, as_of: datetime) -> Iterator[Finding]:
    """Report files outside the store that are past their window."""
    try:
        due = due_files(home, windows, as_of=as_of, name_key=records.subject_key(keyring))
    except UndeletableError as error:
        yield Finding("files", f"directory that cannot be searched: {error}", 1, REPORT)
        return
    by_window = Counter((item.reason.category, item.reason.window_days) for _, item in due)
    for (category, days), files in sorted(by_window.items(), key=str):
        yield Finding(category, f"file(s) older than {days} days", files)


def word_findings(ledger: Ledger, keyring: KeyRing, *, days: int, as_of: date) -> Iterator[Finding]:
    """Report counters whose month ended ``days`` days ago or earlier, and keys of such months."""
    last = as_of - timedelta(days=days)
    rows = ledger.read(
        "select count(*) as n from word_counts where date(month || '-01', '+1 month') <= ?", last.isoformat()
    )
    if old := int(rows[0]["n"]):
        yield Finding("ledger", f"counter(s) of words whose month ended {days} days ago or earlier", old)
    within = {f"{last + timedelta(days=n):%Y-%m}" for n in range(days + 1)}
    if stray := keyring.besides(Purpose.WORDS, within, older_than=LONGEST_UNNEEDED):
        yield Finding(
            "keys",
            f"{Purpose.WORDS} key(s) of months that are past their window",
            stray,
            _OLD_COPY,
        )
