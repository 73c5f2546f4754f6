"""Gather the privacy officer's report from policy, ledger, evidence and plan."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from pipelines.codegen.documents import window
from pipelines.declarations.contract import PolicyCategory
from pipelines.declarations.declarations import Declarations
from pipelines.declarations.policy import QUARANTINE_CATEGORY, Operational
from pipelines.retention.evidence import count, describe
from pipelines.retention.plan import plan_retention
from pipelines.retention.report import Category, HoldShown, Lane, Place, Report, StoredSet
from pipelines.windows.inputs import data_sets, named_holds, retention_inputs
from warehouse.ledger.parts import Part
from warehouse.ledger.requests import waiting
from warehouse.retention import evidence, records
from warehouse.retention.evidence import Entry
from warehouse.retention.plan import GONE, Plan
from warehouse.retention.plan_entry import rows_of
from warehouse.retention.rules import DataSet, Hold, Layout, RetentionInputs, active_holds, window_at
from warehouse.retention.verify import Verified
from warehouse.store.store import Store

ENTRIES_SHOWN = 50
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
        account_ends=tuple(
            (names.get(e.subject, e.subject), e.due) for e in (*plan.account_ends, *plan.coming_account_ends)
        ),
        gaps=tuple(records.gaps(store.ledger)),
        alarms=plan.alarms,
        places=_places(declarations, plan),
        entries=len(chain),
        latest=tuple(describe(entry) for entry in reversed(chain[-ENTRIES_SHOWN:])),
        deleted_by_day=_deleted_by_day(chain),
        due_rows=plan.rows_gone,
        requests=tuple(waiting(store.ledger, today=as_of.date())),
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
    version = declarations.policy.version_at(as_of.date())
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
    rows = named_holds(declarations, store, "hold_reason")
    active = {hold.name for hold in active_holds(inputs, as_of)}
    shown = [
        HoldShown(
            name=hold.name,
            number=rows[hold.name][1],
            workspace=hold.workspace_id,
            scope=_scope(hold),
            reason=rows[hold.name][-1] or "",
            expires_at=hold.expires_at,
            is_active=hold.name in active,
            rows=kept[hold.name],
        )
        for hold in inputs.holds
        if hold.name in active or kept[hold.name]
    ]
    return tuple(sorted(shown, key=lambda hold: (hold.expires_at, hold.name)))


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
