"""Gather the privacy officer's report from policy, ledger, evidence and plan."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import cast

import polars as pl

from pipelines.codegen.documents import window
from pipelines.declarations.contract import PolicyCategory
from pipelines.declarations.declarations import Declarations
from pipelines.declarations.policy import QUARANTINE_CATEGORY, Operational
from pipelines.retention.apply import plan_retention
from pipelines.retention.evidence import Described, count, describe, rows_of
from pipelines.windows.inputs import HOLDS, data_sets, hold_name, retention_inputs
from warehouse.keys.keyring import Purpose
from warehouse.ledger.parts import Part
from warehouse.retention import evidence, records
from warehouse.retention.evidence import Entry
from warehouse.retention.plan import GONE, Plan
from warehouse.retention.rules import DataSet, Hold, Layout, RetentionInputs, active_holds, window_at
from warehouse.retention.verify import Verified
from warehouse.store.reading import read_columns
from warehouse.store.store import Store

ENTRIES_SHOWN = 50
_UNCONFIRMED = "unconfirmed"
_ORDER = (*(category.value for category in PolicyCategory), QUARANTINE_CATEGORY)
# What lies there, and what starts its window.
_PLACES = {
    "inbox": ("Raw files that wait to be taken in", "arrival of the file"),
    Operational.TMP.value: ("What a crash left behind", "last change of the file"),
    Operational.DBT.value: ("Targets and logs of dbt", "last change of the file"),
    Operational.COMPUTE_LOGS.value: ("What Dagster's runs printed", "last change of the file"),
    Operational.DAGSTER_RUNS.value: ("Dagster's records of runs and events", "end of the run"),
    Operational.MANIFESTS.value: ("Plans of deletions; their evidence stays", "last change of the file"),
    Operational.WORD_COUNTS.value: (
        "Keyed counters of words in free text, and their key",
        "end of the month",
    ),
}


@dataclass(frozen=True, slots=True)
class Lane:
    """Rows of one window: the days they span, as ages at the report's date."""

    window_days: int
    oldest_age: int
    newest_age: int
    rows: int


@dataclass(frozen=True, slots=True)
class StoredSet:
    """One data set as it is stored now.

    Attributes:
        oldest: Oldest event day, or month; None where rows have no time of their own.
        next_expiry: Day on which the next rows go by their window.
        lanes: By window, shortest first; empty where rows have no days.
        last_deletion: The last entry of the evidence that names it.
    """

    source: str
    description: str
    oldest: date | None
    next_expiry: date | None
    rows: int
    files: int
    bytes: int
    held_rows: int
    lanes: tuple[Lane, ...]
    last_deletion: Entry | None


@dataclass(frozen=True, slots=True)
class Category:
    """One category of the policy, with its data sets.

    Attributes:
        since: Date of the policy version that rules.
        chosen: (days, workspaces) where workspaces have a window of their own.
    """

    name: str
    purpose: str
    window: str
    since: date
    legal_basis: str
    outlives_account: bool
    chosen: tuple[tuple[int, int], ...]
    sets: tuple[StoredSet, ...]

    @property
    def is_unconfirmed(self) -> bool:
        """Return whether the privacy officer has still to confirm its legal basis."""
        return self.legal_basis == _UNCONFIRMED


@dataclass(frozen=True, slots=True)
class HoldShown:
    """A legal hold and what it keeps that would be gone without it."""

    name: str
    number: str
    workspace: str
    scope: str
    reason: str
    expires_at: datetime
    is_active: bool
    rows: int


@dataclass(frozen=True, slots=True)
class Place:
    """Files beside the store: where, how long, counted from when, and how many are due now."""

    name: str
    what: str
    days: int
    counted_from: str
    due: int


@dataclass(frozen=True, slots=True)
class Report:
    """The content of the page."""

    as_of: datetime
    verified: Verified
    proof: Entry | None
    is_demo: bool
    categories: tuple[Category, ...]
    holds: tuple[HoldShown, ...]
    ended: tuple[tuple[str, date], ...]
    ending: tuple[tuple[str, date], ...]
    gaps: tuple[date, ...]
    alarms: tuple[date, ...]
    places: tuple[Place, ...]
    entries: int
    latest: tuple[Described, ...]
    deleted_by_day: tuple[tuple[date, int], ...]
    due_rows: int

    @property
    def is_proved(self) -> bool:
        """Return whether nothing was found."""
        return not self.verified.findings

    @property
    def rows(self) -> int:
        """Return how many rows are stored."""
        return sum(s.rows for c in self.categories for s in c.sets)

    @property
    def held_rows(self) -> int:
        """Return how many rows only holds keep."""
        return sum(s.held_rows for c in self.categories for s in c.sets)

    @property
    def rows_deleted(self) -> int:
        """Return how many rows were ever deleted, by the evidence."""
        return sum(rows for _, rows in self.deleted_by_day)

    @property
    def unconfirmed(self) -> tuple[str, ...]:
        """Return the categories whose legal basis nobody has confirmed."""
        return tuple(c.name for c in self.categories if c.is_unconfirmed)


def make_report(declarations: Declarations, store: Store, *, as_of: datetime, verified: Verified) -> Report:
    """Gather the report; changes nothing.

    Raises:
        KeyringError, StoreError: A file that the plan must look into cannot be read.
    """
    inputs = retention_inputs(declarations, store, as_of=as_of)
    plan = plan_retention(declarations, store, as_of=as_of).plan
    chain = evidence.entries(store.ledger)
    key = records.subject_key(store.keyring)
    names = {records.subject(key, workspace): workspace for workspace in inputs.ended}
    return Report(
        as_of=as_of,
        verified=verified,
        proof=next((entry for entry in reversed(chain) if entry.kind == evidence.VERIFIED), None),
        is_demo=store.ledger.is_demo(),
        categories=_categories(declarations, store, inputs, chain, as_of),
        holds=_holds(declarations, store, inputs, as_of),
        ended=tuple(sorted(records.refused(store.ledger).items(), key=lambda item: item[1], reverse=True)),
        ending=tuple(
            (names.get(e.subject, e.subject), e.due) for e in (*plan.account_ends, *plan.coming_account_ends)
        ),
        gaps=tuple(records.gaps(store.ledger)),
        alarms=plan.alarms,
        places=_places(declarations, plan),
        entries=len(chain),
        latest=tuple(describe(entry) for entry in reversed(chain[-ENTRIES_SHOWN:])),
        deleted_by_day=_deleted_by_day(chain),
        due_rows=plan.rows_gone,
    )


def _categories(
    declarations: Declarations, store: Store, inputs: RetentionInputs, chain: Sequence[Entry], as_of: datetime
) -> tuple[Category, ...]:
    by_category: dict[str, list[DataSet]] = defaultdict(list)
    for data in data_sets(declarations.contracts).values():
        by_category[data.category].append(data)
    parts: dict[str, list[Part]] = defaultdict(list)
    for part in (*store.ledger.live_parts(), *store.ledger.held_parts()):
        parts[part.source].append(part)
    version = next(
        (v for v in reversed(declarations.policy.versions) if v.effective_from <= as_of.date()),
        declarations.policy.versions[0],
    )
    found = []
    for name, members in by_category.items():
        sets = tuple(
            _stored_set(declarations, inputs, data, parts[data.source], chain, as_of) for data in members
        )
        rule = version.categories[PolicyCategory(name)] if name != QUARANTINE_CATEGORY else None
        found.append(
            Category(
                name=name,
                purpose=rule.purpose if rule else "Mend what could not be read, and load it after all.",
                window=window(rule) if rule else f"{declarations.policy.inbox_ttl_days} days after arrival",
                since=version.effective_from,
                legal_basis=rule.legal_basis if rule else "as the data it will become",
                outlives_account=bool(rule and rule.outlives_account),
                chosen=_chosen(inputs, name, as_of) if rule and rule.per_workspace else (),
                sets=tuple(sorted(sets, key=lambda stored: (-stored.rows, stored.source))),
            )
        )
    # What has days comes first: there is something to see.
    return tuple(sorted(found, key=lambda c: (not any(s.lanes for s in c.sets), _ORDER.index(c.name))))


def _chosen(inputs: RetentionInputs, category: str, as_of: datetime) -> tuple[tuple[int, int], ...]:
    """Return windows of workspaces that are not the default → how many have them."""
    default = window_at(inputs, category, None, as_of).days
    windows = Counter(window_at(inputs, category, w, as_of).days for w in inputs.settings)
    return tuple(sorted((days, n) for days, n in windows.items() if days is not None and days != default))


def _stored_set(
    declarations: Declarations,
    inputs: RetentionInputs,
    data: DataSet,
    parts: Sequence[Part],
    chain: Sequence[Entry],
    as_of: datetime,
) -> StoredSet:
    live = [part for part in parts if part.hold is None]
    spans = [span for part in live if (span := _span(inputs, data, part, as_of)) is not None]
    contract = declarations.contracts.get(data.source)
    return StoredSet(
        source=data.source,
        description=contract.description if contract else "Records that could not be read, encrypted.",
        oldest=min((day for day, _ in spans), default=None),
        next_expiry=min((day + timedelta(days=days) for day, days in spans), default=None),
        rows=sum(part.rows for part in live),
        files=len(parts),
        bytes=sum(part.bytes for part in parts),
        held_rows=sum(part.rows for part in parts if part.hold is not None),
        lanes=_lanes(inputs, data, live, as_of),
        last_deletion=_last_deletion(data.source, chain),
    )


def _span(inputs: RetentionInputs, data: DataSet, part: Part, as_of: datetime) -> tuple[date, int] | None:
    """Return the oldest day that a file may hold, and its window; None where rows have no days."""
    if part.event_date is not None and part.retention_days is not None:
        return part.event_date, part.retention_days
    days = window_at(inputs, data.category, None, as_of).days
    month = part.partition.partition("month=")[2]
    if data.layout is Layout.MONTHS and month and days is not None:
        return date.fromisoformat(f"{month[:7]}-01"), days
    return None


def _lanes(
    inputs: RetentionInputs, data: DataSet, parts: Sequence[Part], as_of: datetime
) -> tuple[Lane, ...]:
    by_window: dict[int, list[tuple[date, int]]] = defaultdict(list)
    for part in parts:
        if (span := _span(inputs, data, part, as_of)) is not None:
            by_window[span[1]].append((span[0], part.rows))
    return tuple(
        Lane(
            window_days=days,
            oldest_age=(as_of.date() - min(day for day, _ in found)).days,
            newest_age=max((as_of.date() - max(day for day, _ in found)).days, 0),
            rows=sum(rows for _, rows in found),
        )
        for days, found in sorted(by_window.items())
    )


def _last_deletion(source: str, chain: Sequence[Entry]) -> Entry | None:
    return next(
        (
            entry
            for entry in reversed(chain)
            if any(row.get("data_set") == source and row.get("to") == GONE for row in rows_of(entry))
        ),
        None,
    )


def _holds(
    declarations: Declarations, store: Store, inputs: RetentionInputs, as_of: datetime
) -> tuple[HoldShown, ...]:
    """Return holds that have not expired, and expired ones that still keep something."""
    kept: Counter[str] = Counter()
    for part in store.ledger.held_parts():
        kept[str(part.hold)] += part.rows
    texts = _numbers_and_reasons(declarations, store)
    active = {hold.name for hold in active_holds(inputs, as_of)}
    shown = [
        HoldShown(
            name=hold.name,
            number=texts.get(hold.name, ("", ""))[0],
            workspace=hold.workspace_id,
            scope=_scope(hold),
            reason=texts.get(hold.name, ("", ""))[1],
            expires_at=hold.expires_at,
            is_active=hold.name in active,
            rows=kept[hold.name],
        )
        for hold in inputs.holds
        if hold.name in active or kept[hold.name]
    ]
    return tuple(sorted(shown, key=lambda hold: (hold.expires_at, hold.name)))


def _numbers_and_reasons(declarations: Declarations, store: Store) -> dict[str, tuple[str, str]]:
    """Return name of a hold → its number and reason, as its source gives them."""
    if HOLDS not in declarations.contracts:
        return {}
    scope = ("workspace_id", "hold_id", "held_source", "contact_token", "held_from", "held_to")
    table = read_columns(
        store.home,
        ledger=store.ledger,
        engine=store.engine,
        source=HOLDS,
        schema=declarations.contracts[HOLDS].plan.stored_columns(),
        columns=(*scope, "hold_reason"),
        deleted=True,
    )
    rows = cast("pl.DataFrame", pl.from_arrow(table)).rows()
    key = store.keyring.get(Purpose.LEDGER, "hold") if rows else b""
    return {
        hold_name(
            key,
            workspace_id=workspace,
            hold_id=number,
            source=source,
            contact_token=token,
            held_from=held_from,
            held_to=held_to,
        ): (number, reason or "")
        for workspace, number, source, token, held_from, held_to, reason in rows
    }


def _scope(hold: Hold) -> str:
    what = hold.source or "all data sets"
    who = "of one person" if hold.contact_token else "of all persons"
    if hold.held_from is None and hold.held_to is None:
        return f"{what}, {who}, whenever"
    since = f"from {hold.held_from:%-d %b %Y}" if hold.held_from else "from the beginning"
    until = f" until {hold.held_to:%-d %b %Y}" if hold.held_to else ""
    return f"{what}, {who}, {since}{until}"


def _places(declarations: Declarations, plan: Plan) -> tuple[Place, ...]:
    due = Counter(item.reason.category for item in plan.files)
    days: dict[str, int] = {"inbox": declarations.policy.inbox_ttl_days}
    days |= {kind.value: window for kind, window in declarations.policy.operational_days.items()}
    return tuple(
        Place(name, _PLACES[name][0], window, _PLACES[name][1], due[name]) for name, window in days.items()
    )


def _deleted_by_day(chain: Sequence[Entry]) -> tuple[tuple[date, int], ...]:
    """Return rows deleted by the clock that decided, oldest first."""
    rows: Counter[date] = Counter()
    for entry in chain:
        rows[entry.as_of.date()] += sum(count(row, "rows") for row in rows_of(entry) if row.get("to") == GONE)
    return tuple(sorted((day, n) for day, n in rows.items() if n))
