"""Verify deletions: check the evidence again, and search everything for what is past its window.

It shares the rules with planning and nothing else, so that a fault there is found here.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import cache

import duckdb

from warehouse.errors import KeyringError
from warehouse.home import Home
from warehouse.keys.keyring import LONGEST_UNNEEDED, KeyRing, Purpose
from warehouse.keys.locks import reader_lease, warehouse_lock
from warehouse.ledger.ledger import Ledger
from warehouse.ledger.parts import Part
from warehouse.ledger.requests import sealed_numbers
from warehouse.progress import Progress, silent
from warehouse.retention import evidence, records
from warehouse.retention.finding import APPLY, REPORT, Finding
from warehouse.retention.places import Windows
from warehouse.retention.rules import DataSet, RetentionInputs, active_holds
from warehouse.retention.verify_databases import Keys, dagster_findings, database_findings
from warehouse.retention.verify_files import keyless_findings, other_findings, store_findings, word_findings
from warehouse.retention.verify_rows import RowRules, RowScan, unreadable
from warehouse.store.connection import Engine
from warehouse.store.session import LOCK_TIMEOUT_S
from warehouse.store.sketches import wrong_sketches

_REMOVE_KEYS = "Was an old copy of the key directory put back? Put the newest one in its place."


@dataclass(frozen=True, slots=True)
class Scope:
    """Hold what is promised, as the rest of the system knows it.

    Attributes:
        windows: Windows of files outside the store.
        dagster_days: Window of Dagster's own records.
        word_days: Window of counters of words, after their month.
        published_as: Workspace → what stands for it in published tables; None where it has no key.
        coarse_keys: What stands for no single workspace there.
        key_names: Names of pseudonym keys that are no workspace's.
    """

    inputs: RetentionInputs
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
    """Count what was looked at, and list what was found; finding nothing is the proof."""

    findings: tuple[Finding, ...]
    rows: int
    files: int
    entries: int


def verify(
    home: Home, *, ledger: Ledger, engine: Engine, keyring: KeyRing, scope: Scope, progress: Progress = silent
) -> Verified:
    """Check the chain of evidence and look at everything; change nothing.

    Raises:
        LockedError: Another process did not stop writing the warehouse file.
    """
    findings = list(_evidence_findings(home, ledger, keyring))
    rules = _rules(ledger, keyring, scope)
    with reader_lease(home.locks, ledger.generation()):
        live, held = ledger.live_parts(), ledger.held_parts()
        findings += store_findings(home, ledger, [*live, *held])
        findings += keyless_findings(keyring, [*live, *held], as_of=scope.as_of)
        readable = [
            part
            for part in (*live, *held)
            if keyring.has(Purpose.PARQUET, part.key_name) and (home.data / part.path).is_file()
        ]
        findings += _sketch_findings(home, engine, readable)
        with closing(RowScan(engine, data=home.data, rules=rules)) as scan:
            findings += _row_findings(scan, readable, scope, progress)
    keys = Keys(
        living=frozenset(key for w in scan.living if (key := scope.published_as(w)) is not None),
        coarse=scope.coarse_keys,
    )
    progress("databases", 0, 1)
    with warehouse_lock(home.locks, timeout_s=LOCK_TIMEOUT_S):
        findings += database_findings(home, ledger=ledger, keyring=keyring, keys=keys)
    findings += other_findings(home, keyring, scope.windows, as_of=scope.as_of)
    # Records age by the machine's clock, like files.
    recorded = min(scope.as_of, scope.windows.now or scope.as_of)
    findings += dagster_findings(home, days=scope.dagster_days, as_of=recorded)
    findings += word_findings(ledger, keyring, days=scope.word_days, as_of=scope.as_of.date())
    findings += _key_findings(ledger, keyring, scan, scope)
    progress("databases", 1, 1)
    return Verified(tuple(findings), scan.rows, len(live) + len(held), len(evidence.entries(ledger)))


def _evidence_findings(home: Home, ledger: Ledger, keyring: KeyRing) -> Iterator[Finding]:
    if waiting := records.pending(ledger):
        yield Finding("ledger", "deletion(s) that were begun and not finished", len(waiting), APPLY)
    hashed = len(records.horizons(ledger)) + len(records.refused(ledger))
    if hashed and not keyring.has(Purpose.LEDGER, records.SUBJECT_KEY):
        yield Finding(
            "ledger", "hash(es) of workspaces that cannot be matched: their key is missing", hashed, REPORT
        )
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


def _sketch_findings(home: Home, engine: Engine, parts: Sequence[Part]) -> Iterator[Finding]:
    if wrong := wrong_sketches(home, engine=engine, parts=parts):
        remedy = (
            "Remove `*.sketch` below the store, then search with `wasms privacy verify`; please report it."
        )
        yield Finding("store", "sketch(es) of tokens that do not fit their file", wrong, remedy)


def _rules(ledger: Ledger, keyring: KeyRing, scope: Scope) -> RowRules:
    key = records.subject_key(keyring)
    return RowRules(
        inputs=scope.inputs,
        as_of=scope.as_of,
        horizons=records.horizons(ledger),
        refused=records.refused(ledger),
        subject=cache(lambda workspace: records.subject(key, workspace)),
    )


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


def _key_findings(ledger: Ledger, keyring: KeyRing, scan: RowScan, scope: Scope) -> Iterator[Finding]:
    """Report keys that nothing needs, a day after they were made: a writer makes them before its rows."""
    held = {hold.workspace_id for hold in active_holds(scope.inputs, scope.as_of)}
    serving: dict[Purpose, Collection[str]] = {
        Purpose.PARQUET: ledger.key_names(),
        Purpose.PSEUDONYM: scan.living | held | scope.key_names,
        Purpose.SURROGATE: scan.living,
        Purpose.REQUEST: sealed_numbers(ledger),
    }
    ended = {w for w in scope.inputs.ended if scan.rules.has_ended(w)}
    serves_none = {Purpose.PARQUET: "no file", Purpose.REQUEST: "no open request"}
    for purpose, names in serving.items():
        is_of_workspaces = purpose not in serves_none
        known = [w for w in ended - set(names) if is_of_workspaces and keyring.has(purpose, w)]
        if known:
            yield Finding("keys", f"{purpose} key(s) of accounts that have ended", len(known))
        if stray := keyring.besides(purpose, [*names, *known], older_than=LONGEST_UNNEEDED):
            serves = serves_none.get(purpose, "no workspace of which something is stored")
            yield Finding("keys", f"{purpose} key(s) that serve {serves}", stray, _REMOVE_KEYS)
