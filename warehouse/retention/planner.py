"""Planning: from facts, ledger and clock to everything that is due. Changes nothing.

Whole partitions are found by the ledger's index alone, whatever the size of the store. Rows are looked at
only where a workspace's windows changed, its account ended, or a legal hold may cover what is due.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from warehouse.home import Home
from warehouse.keys.keyring import Purpose
from warehouse.ledger.ledger import Ledger
from warehouse.ledger.parts import Part
from warehouse.retention import records
from warehouse.retention.decisions import (
    Known,
    Verdicts,
    digest_of,
    ended_workspaces,
    verdicts_of,
    window_reason,
)
from warehouse.retention.errors import UnknownDataSetError
from warehouse.retention.plan import (
    CLASS,
    GONE,
    HOLD,
    STAY,
    Ending,
    FileItem,
    KeyItem,
    Outcome,
    PartItem,
    Plan,
    Reason,
)
from warehouse.retention.rows import Case, RowFates
from warehouse.retention.rules import (
    DataSet,
    Facts,
    Layout,
    Precedence,
    Window,
    active_holds,
    terminated_on,
    version_at,
    window_at,
)
from warehouse.store.connection import Engine

# Unbuilt slices and accounts about to end are told this long before.
ALARM_DAYS = 7


@dataclass(frozen=True, slots=True)
class Slices:
    """How far the cubes go: what is later is not published yet.

    Attributes:
        sources: Data sets that cubes are built from.
        built_until: Newest day in the cubes; ``closed_until``: newest day that can be.
    """

    sources: frozenset[str] = frozenset()
    built_until: date | None = None
    closed_until: date | None = None


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that a plan follows from, besides store and ledger.

    Attributes:
        data_sets: By name; every data set of the store must be among them.
        files: What is due outside the store.
        rewrites_database: Whether the warehouse file changed since it was last rewritten.
    """

    facts: Facts
    data_sets: Mapping[str, DataSet]
    as_of: datetime
    slices: Slices = field(default_factory=Slices)
    files: Sequence[FileItem] = ()
    rewrites_database: bool = False


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan and what carrying it out needs to know but nobody else should.

    Attributes:
        cases: Path → how its rows were decided, for files that are rewritten.
        parts: Path → the file as the ledger lists it.
        workspaces: Ended workspaces; ``released``: those whose data no hold keeps.
        verdicts: By category, to be recorded.
    """

    plan: Plan
    cases: Mapping[str, Case]
    parts: Mapping[str, Part]
    workspaces: tuple[str, ...]
    released: tuple[str, ...]
    verdicts: Mapping[str, Verdicts]
    facts: Facts


def make_plan(home: Home, *, ledger: Ledger, engine: Engine, inputs: Inputs) -> Planned:
    """Everything that is due at ``inputs.as_of``, each with why.

    Raises:
        UnknownDataSetError: The store holds a data set that no rule covers.
        KeyringError, StoreError: A file that must be looked into cannot be read.
    """
    return _Planner(home, ledger=ledger, engine=engine, inputs=inputs).plan()


def days_at_risk(ledger: Ledger, slices: Slices, *, as_of: datetime) -> list[date]:
    """Days that could be in the cubes, are not, and lose rows to a window within the alarm's days."""
    if slices.closed_until is None:
        return []
    soon = as_of.date() + timedelta(days=ALARM_DAYS)
    days = set()
    for source, window in ledger.live_classes():
        if source in slices.sources:
            last = min(soon - timedelta(days=window), slices.closed_until)
            after = slices.built_until or date.min
            days |= {p.event_date for p in ledger.parts_through(source, window, last, after=after)}
    return sorted(day for day in days if day is not None)


class _Planner:
    def __init__(self, home: Home, *, ledger: Ledger, engine: Engine, inputs: Inputs) -> None:
        self._home, self._ledger, self._engine = home, ledger, engine
        self._facts, self._as_of, self._data = inputs.facts, inputs.as_of, inputs.data_sets
        self._inputs = inputs
        self._key = records.subject_key(engine.keyring)
        self._holds = active_holds(inputs.facts, inputs.as_of)
        self._ended = self._ending()
        known = Known(
            records.applied_windows(ledger),
            records.horizons(ledger),
            records.applied_as_of(ledger),
            self._key,
        )
        self._verdicts = {
            category: verdicts_of(inputs.facts, category, ended=self._ended, as_of=inputs.as_of, known=known)
            for category in version_at(inputs.facts, inputs.as_of).rules
        }
        self._cases: dict[str, Case] = {}
        self._items: dict[str, PartItem] = {}
        self._parts: dict[str, Part] = {}
        self._missing_keys = 0

    def plan(self) -> Planned:
        if unknown := self._ledger.sources() - set(self._data):
            raise UnknownDataSetError(sorted(unknown))
        fates = RowFates(self._engine, data=self._home.data)
        try:
            for source, data in sorted(self._data.items()):
                self._plan_data_set(source, data, fates)
            self._plan_held(fates)
        finally:
            fates.close()
        items = tuple(self._items[path] for path in sorted(self._items))
        gaps = self._gaps(items)
        plan = Plan(
            as_of=self._as_of,
            policy_version=version_at(self._facts, self._as_of).effective_from,
            facts=digest_of(self._facts, key=self._key),
            parts=items,
            files=tuple(self._inputs.files),
            keys=tuple(self._keys(items)),
            endings=tuple(self._endings(self._ended)),
            coming_endings=tuple(self._endings(self._coming())),
            gaps=gaps,
            alarms=tuple(
                day
                for day in days_at_risk(self._ledger, self._inputs.slices, as_of=self._as_of)
                if day not in gaps
            ),
            held=self._held(items),
            missing_keys=self._missing_keys,
            rewrites_database=self._inputs.rewrites_database or bool(self._ended),
        )
        held = {hold.workspace_id for hold in self._holds}
        return Planned(
            plan=plan,
            cases=self._cases,
            parts=self._parts,
            workspaces=tuple(sorted(self._ended)),
            released=tuple(sorted(set(self._ended) - held)),
            verdicts=self._verdicts,
            facts=self._facts,
        )

    def _ending(self) -> dict[str, date]:
        """Workspaces to be ended now; also those that were, of which a hold has since expired."""
        refused = records.refused(self._ledger)
        active = {hold.name for hold in self._holds}
        released = {
            hold.workspace_id: refused[who]
            for hold in self._facts.holds
            if hold.name not in active and (who := self._subject(hold.workspace_id)) in refused
        }
        return ended_workspaces(self._facts, as_of=self._as_of) | released

    def _coming(self) -> dict[str, date]:
        soon = self._as_of + timedelta(days=ALARM_DAYS)
        days = {w: terminated_on(self._facts, w, self._as_of) for w in self._facts.ended}
        return {w: d for w, d in days.items() if d is not None and self._as_of.date() < d <= soon.date()}

    def _plan_data_set(self, source: str, data: DataSet, fates: RowFates) -> None:
        verdicts = self._verdicts[data.category]
        must_look = "workspace_id" in data.columns and bool(verdicts.listed or verdicts.default)
        by_class: dict[int | None, list[Part]] = defaultdict(list)
        if must_look:
            for part in self._ledger.live_parts(source):
                by_class[part.retention_days].append(part)
        elif data.layout is Layout.DAYS:
            for _, window in (c for c in self._ledger.live_classes() if c[0] == source):
                by_class[window] = self._due_parts(source, window, verdicts)
        elif data.layout is Layout.MONTHS:
            by_class[None] = self._due_months(source, data)
        for days, parts in by_class.items():
            case = self._case(data, days)
            whole = [p for p in parts if not must_look and self._goes_whole(data, p, case)]
            for part in whole:
                self._note(part, (Outcome(GONE, part.rows, self._dated(case.by_day, part)),))
            self._look(case, [p for p in parts if p not in whole], fates)

    def _due_parts(self, source: str, days: int, verdicts: Verdicts) -> list[Part]:
        through = verdicts.through or self._as_of.date() - timedelta(days=days)
        return self._ledger.parts_through(source, days, through, after=date.min)

    def _due_months(self, source: str, data: DataSet) -> list[Part]:
        window = self._month_window(data)
        return [
            part
            for part in self._ledger.live_parts(source)
            if window is not None
            and _may_hold_rows_of(part.partition, self._as_of.date() - timedelta(days=window))
        ]

    def _case(self, data: DataSet, days: int | None) -> Case:
        window = window_at(self._facts, data.category, None, self._as_of)
        if days is not None and window.days != days and window.precedence is Precedence.DEFAULT:
            # Files of a class that is not the default are there because workspaces chose it.
            window = Window(days, Precedence.SETTING, window.version)
        return Case(
            data=data,
            verdicts=self._verdicts[data.category],
            holds=[hold for hold in self._holds if hold.covers(data)],
            as_of=self._as_of,
            by_day=window_reason(data.category, window, None),
            month_window=self._month_window(data),
        )

    def _month_window(self, data: DataSet) -> int | None:
        if data.layout is not Layout.MONTHS:
            return None
        return version_at(self._facts, self._as_of).rules[data.category].window_days

    def _goes_whole(self, data: DataSet, part: Part, case: Case) -> bool:
        if data.layout is not Layout.DAYS:
            return False
        return not any(hold.covers(data, day=part.event_date) for hold in case.holds)

    def _is_due_and_unreadable(self, case: Case, part: Part) -> bool:
        """Whether a file is past its window and its key gone, as in a backup that was restored."""
        if self._engine.keyring.has(Purpose.PARQUET, part.key_name):
            return False
        if case.released:
            return True
        if part.event_date is None or part.retention_days is None:
            return False
        through = case.verdicts.through or self._as_of.date() - timedelta(days=part.retention_days)
        return part.event_date <= through

    def _look(self, case: Case, parts: Sequence[Part], fates: RowFates) -> None:
        unreadable = [part for part in parts if self._is_due_and_unreadable(case, part)]
        for part in unreadable:
            # Nobody can read it any more, so there is nothing left to hold or to move.
            self._missing_keys += 1
            self._note(part, (Outcome(GONE, part.rows, self._dated(case.by_day, part)),))
        parts = [part for part in parts if part not in unreadable]
        outcomes = fates.count(case, parts) if parts else {}
        for part in parts:
            found = outcomes.get(part.path, ())
            if any(outcome.to != STAY for outcome in found):
                self._note(part, found)
                self._cases[part.path] = case

    def _plan_held(self, fates: RowFates) -> None:
        """Rows under a hold that has ended, was narrowed or withdrawn."""
        active = {hold.name for hold in self._holds}
        released = [part for part in self._ledger.held_parts() if part.hold not in active]
        by_source: dict[str, list[Part]] = defaultdict(list)
        for part in released:
            by_source[part.source].append(part)
        for source, parts in by_source.items():
            data = self._data[source]
            version = version_at(self._facts, self._as_of).effective_from
            case = replace(
                self._case(data, None),
                verdicts=Verdicts(),
                by_day=Reason(f"{Precedence.HOLD.value} ended", data.category, None, version, None),
                released=True,
            )
            for part in parts:
                if any(hold.covers(data, day=part.event_date) for hold in case.holds):
                    self._look(case, [part], fates)
                else:
                    self._note(part, (Outcome(GONE, part.rows, case.by_day),))

    def _note(self, part: Part, outcomes: tuple[Outcome, ...]) -> None:
        path = self._home.data / part.path
        self._parts[part.path] = part
        self._items[part.path] = PartItem(
            path=part.path,
            source=part.source,
            partition=part.partition,
            rows=part.rows,
            bytes=part.bytes,
            sha256=_sha256(path) if path.is_file() else "(not there)",
            outcomes=outcomes,
        )

    def _dated(self, reason: Reason, part: Part) -> Reason:
        days = part.retention_days if reason.window_days is None else reason.window_days
        if part.event_date is None or days is None:
            return reason
        return Reason(
            reason.rule, reason.category, days, reason.version, part.event_date + timedelta(days=days)
        )

    def _gaps(self, items: Iterable[PartItem]) -> tuple[date, ...]:
        """Days that lose rows to a window before their slice was built."""
        slices = self._inputs.slices
        lost = {
            day
            for item in items
            if item.source in slices.sources and (day := self._parts[item.path].event_date) is not None
            for outcome in item.outcomes
            if outcome.to == GONE and outcome.reason.rule in (Precedence.DEFAULT, Precedence.SETTING)
        }
        built = slices.built_until
        return tuple(sorted(day for day in lost if built is None or day > built))

    def _keys(self, items: Sequence[PartItem]) -> Iterator[KeyItem]:
        """Keys that nothing needs afterwards: what stays or moves is written anew under a key that does."""
        leaving = [self._parts[item.path] for item in items]
        staying = {
            event_key(self._parts[item.path], outcome.to)
            for item in items
            if self._parts[item.path].event_date is not None
            for outcome in item.outcomes
            if outcome.to == STAY or outcome.to.startswith(CLASS)
        }
        version = version_at(self._facts, self._as_of).effective_from
        unused = self._ledger.unused_keys({part.key_name for part in leaving}, besides=leaving)
        for name in unused:
            if name not in staying:
                yield KeyItem(
                    "parquet", name, Reason("last partition", name.partition(".")[0], None, version, None)
                )
        held = {hold.workspace_id for hold in self._holds}
        for workspace, day in sorted(self._ended.items()):
            reason = Reason(Precedence.TERMINATION.value, "account", None, version, day)
            yield KeyItem("surrogate", self._subject(workspace), reason)
            if workspace not in held:
                yield KeyItem("pseudonym", self._subject(workspace), reason)

    def _endings(self, days: Mapping[str, date]) -> list[Ending]:
        return sorted(
            (Ending(self._subject(w), d) for w, d in days.items()), key=lambda e: (e.due, e.subject)
        )

    def _held(self, items: Iterable[PartItem]) -> tuple[tuple[str, int], ...]:
        rows: Counter[str] = Counter()
        for part in self._ledger.held_parts():
            if part.path not in self._items:
                rows[str(part.hold)] += part.rows
        for item in items:
            for outcome in item.outcomes:
                if outcome.to.startswith(HOLD):
                    rows[outcome.to.removeprefix(f"{HOLD} ")] += outcome.rows
        return tuple(sorted(rows.items()))

    def _subject(self, workspace: str) -> str:
        return records.subject(self._key, workspace)


def event_key(part: Part, to: str) -> str:
    """Name of the key for rows of an event file that stay or move to a class."""
    if to == STAY:
        return part.key_name
    return f"{part.key_name.rpartition('.')[0]}.{to.removeprefix(f'{CLASS} ')}"


def _may_hold_rows_of(partition: str, day: date) -> bool:
    """Whether a month's partition may hold rows as old as a day; a month no calendar knows is looked into."""
    try:
        return date.fromisoformat(f"{partition.partition('month=')[2].partition('/')[0]}-01") <= day
    except ValueError:
        return True


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
