"""Verification: the evidence rechecked, and everything searched for what is past its window.

It shares the rules with planning and nothing else, so that a fault there is found here.
"""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

import duckdb

from warehouse.errors import KeyringError, UndeletableError
from warehouse.home import Home
from warehouse.keys.keyring import KeyRing, Purpose
from warehouse.keys.locks import reader_lease, warehouse_lock, writing_batches
from warehouse.ledger.ledger import Ledger
from warehouse.ledger.parts import Part
from warehouse.progress import Progress, silent
from warehouse.retention import evidence, records
from warehouse.retention.files import Windows, due_files
from warehouse.retention.finding import REPORT, Finding
from warehouse.retention.rules import DataSet, Facts, active_holds
from warehouse.retention.verify_databases import Keys, dagster_findings, database_findings
from warehouse.retention.verify_rows import Law, RowScan, unreadable
from warehouse.retention.verify_words import word_findings
from warehouse.store.connection import Engine
from warehouse.store.housekeeping import LONGEST_LEASE, LONGEST_UNNEEDED
from warehouse.store.inspection import damaged_files

# Files that other rows replaced are unlinked when a day closes, at the latest.
LONGEST_HIDDEN = timedelta(days=1) + LONGEST_LEASE
LOCK_TIMEOUT_S = 600.0

_REMOVE_KEYS = "Was an old copy of the key directory put back? Put the newest one in its place."
_PART_NAME = re.compile(r"\.?part-([A-Za-z0-9]+)-")


@dataclass(frozen=True, slots=True)
class Scope:
    """What is promised, as the rest of the system knows it.

    Attributes:
        windows: Of everything outside the store.
        dagster_days: Of Dagster's own records.
        word_days: Of counters of words, after their month.
        published_as: Workspace → what stands for it in published tables; None where it has no key.
        coarse_keys: What stands for no single workspace there.
        key_names: Names of pseudonym keys that are no workspace's.
    """

    facts: Facts
    data_sets: Mapping[str, DataSet]
    as_of: datetime
    windows: Windows
    dagster_days: int
    word_days: int
    published_as: Callable[[str], str | None]
    coarse_keys: frozenset[str] = frozenset()
    key_names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Verified:
    """What was looked at, and what was found; nothing found is the proof."""

    findings: tuple[Finding, ...]
    rows: int
    files: int
    entries: int


def verify(
    home: Home,
    *,
    ledger: Ledger,
    engine: Engine,
    keyring: KeyRing,
    scope: Scope,
    progress: Progress = silent,
) -> Verified:
    """Recheck the chain and look at everything; changes nothing.

    Raises:
        LockedError: The warehouse file is being written all the time.
    """
    findings = list(_evidence_findings(home, ledger, keyring))
    law = _law(ledger, keyring, scope)
    with reader_lease(home.locks, ledger.generation()):
        live, held = ledger.live_parts(), ledger.held_parts()
        findings += _file_findings(home, ledger, [*live, *held])
        findings += _files_without_key(keyring, [*live, *held], as_of=scope.as_of)
        readable = [
            p for p in (*live, *held) if keyring.has(Purpose.PARQUET, p.key_name) and _is_there(home, p)
        ]
        scan = RowScan(engine, data=home.data, law=law)
        try:
            findings += _row_findings(scan, readable, scope, progress)
        finally:
            scan.close()
    keys = Keys(
        living=frozenset(key for w in scan.living if (key := scope.published_as(w)) is not None),
        coarse=scope.coarse_keys,
    )
    progress("databases", 0, 1)
    with warehouse_lock(home.locks, timeout_s=LOCK_TIMEOUT_S):
        findings += database_findings(home, ledger=ledger, keyring=keyring, keys=keys)
    findings += _operational_findings(home, keyring, scope)
    # Records age by the machine's clock, like files.
    recorded = min(scope.as_of, scope.windows.now or scope.as_of)
    findings += dagster_findings(home, days=scope.dagster_days, as_of=recorded)
    findings += word_findings(ledger, keyring, days=scope.word_days, as_of=scope.as_of.date())
    findings += _key_findings(ledger, keyring, scan, scope)
    progress("databases", 1, 1)
    return Verified(tuple(findings), scan.rows, len(live) + len(held), len(evidence.entries(ledger)))


def _evidence_findings(home: Home, ledger: Ledger, keyring: KeyRing) -> Iterator[Finding]:
    if waiting := records.pending(ledger):
        yield Finding(
            "ledger",
            "deletion(s) that were begun and not finished",
            len(waiting),
            "Run `wasms retention apply`.",
        )
    hashed = len(records.horizons(ledger)) + len(records.refused(ledger))
    if hashed and not keyring.has(Purpose.LEDGER, records.SUBJECT_KEY):
        yield Finding("ledger", "hash(es) that match nobody any more: their key is missing", hashed, REPORT)
    try:
        key = keyring.find(Purpose.LEDGER, evidence.KEY)
    except KeyringError:
        if evidence.entries(ledger):
            yield Finding("evidence", "chain that cannot be checked: its key is missing", 1, REPORT)
        return
    for problem in evidence.check_chain(ledger, key=key, anchor=home.keys / evidence.ANCHOR):
        yield Finding("evidence", f"break in the chain: {problem}", 1, REPORT)
    known = {entry.seq for entry in evidence.entries(ledger)}
    if loose := [stone for stone in records.tombstones(ledger) if stone.evidence not in known]:
        yield Finding("evidence", "deleted partition(s) whose entry is not in the chain", len(loose), REPORT)


def _law(ledger: Ledger, keyring: KeyRing, scope: Scope) -> Law:
    key = records.subject_key(keyring)
    return Law(
        facts=scope.facts,
        as_of=scope.as_of,
        horizons=records.horizons(ledger),
        refused=records.refused(ledger),
        subject=cache(lambda workspace: records.subject(key, workspace)),
    )


def _file_findings(home: Home, ledger: Ledger, parts: Sequence[Part]) -> Iterator[Finding]:
    """The files of the store against the ledger's list; the caller holds a reader lease."""
    # In this order: what is committed after the first look is found in the last.
    on_disk = {
        str(path.relative_to(home.data)): path.name for path in home.store.rglob("*") if not path.is_dir()
    }
    writing = writing_batches(home.locks)
    listed = ledger.known_paths()
    unlisted = [
        path for path, name in on_disk.items() if path not in listed and _batch_of(name) not in writing
    ]
    # Those that went meanwhile were on their way out.
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


def _files_without_key(keyring: KeyRing, parts: Iterable[Part], *, as_of: datetime) -> Iterator[Finding]:
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


def _row_findings(
    scan: RowScan, parts: Sequence[Part], scope: Scope, progress: Progress
) -> Iterator[Finding]:
    by_source: dict[str, tuple[list[Part], list[Part]]] = defaultdict(lambda: ([], []))
    for part in parts:
        by_source[part.source][part.hold is not None].append(part)
    for done, (source, (live, held)) in enumerate(sorted(by_source.items())):
        progress("rows", done, len(by_source))
        data = scope.data_sets.get(source)
        if data is None:
            yield Finding(source, "data set that no contract covers", 1, REPORT)
            continue
        try:
            yield from scan.live(data, live)
            yield from scan.held(data, held)
        except (duckdb.Error, KeyringError) as error:
            yield unreadable(error, source)
    progress("rows", len(by_source), len(by_source))


def _operational_findings(home: Home, keyring: KeyRing, scope: Scope) -> Iterator[Finding]:
    try:
        due = due_files(home, scope.windows, as_of=scope.as_of, name_key=records.subject_key(keyring))
    except UndeletableError as error:
        yield Finding("files", f"directory that cannot be searched: {error}", 1, REPORT)
        return
    by_window = Counter((item.reason.category, item.reason.window_days) for _, item in due)
    for (category, days), files in sorted(by_window.items(), key=str):
        yield Finding(category, f"file(s) older than {days} days", files)


def _key_findings(ledger: Ledger, keyring: KeyRing, scan: RowScan, scope: Scope) -> Iterator[Finding]:
    """Keys that serve nothing, a day after they were made: a writer makes them before its rows are there."""
    held = {hold.workspace_id for hold in active_holds(scope.facts, scope.as_of)}
    serving: dict[Purpose, Collection[str]] = {
        Purpose.PARQUET: ledger.key_names(),
        Purpose.PSEUDONYM: scan.living | held | scope.key_names,
        Purpose.SURROGATE: scan.living,
    }
    ended = {w for w in scope.facts.ended if scan.law.has_ended(w)}
    for purpose, names in serving.items():
        known = [w for w in ended - set(names) if purpose is not Purpose.PARQUET and keyring.has(purpose, w)]
        if known:
            yield Finding("keys", f"{purpose} key(s) of accounts that have ended", len(known))
        if stray := keyring.besides(purpose, [*names, *known], older_than=LONGEST_UNNEEDED):
            serves = "no file" if purpose is Purpose.PARQUET else "no workspace of which something is stored"
            yield Finding("keys", f"{purpose} key(s) that serve {serves}", stray, _REMOVE_KEYS)


def _is_there(home: Home, part: Part) -> bool:
    return (home.data / part.path).is_file()
