"""Make asset checks; their metadata hold no value of a row. All that look at the store are one step."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from pipelines.declarations.contract import Contract, Kind
from pipelines.declarations.declarations import Declarations
from pipelines.orchestration.keys import RETRIES, STRAY_FILES, batches_key, store_key, values_stay_inside
from pipelines.orchestration.resources import Warehouse
from pipelines.sources.inbox import stray_files
from pipelines.windows.inputs import QUARANTINE
from warehouse.errors import WarehouseError
from warehouse.ledger.parts import Part
from warehouse.retention.rules import RetentionInputs, expired_through
from warehouse.store.store import Store

TAKEN_IN, STRAYS = "taken_in", "files_in_no_feeds_folder"
# Why a file was removed whose rows are in another now.
_LIVES_ON = ("compacted", "rewritten")

_WHEN = "Looked at with every ingestion, build and night; reported when it changes."
# Events come all the time; exports of tables may come once a week.
LONGEST_SILENCE = {Kind.EVENT: timedelta(days=2), Kind.ENTITY: timedelta(days=8)}


class StoreCheck(NamedTuple):
    """One check of a contract's stored rows."""

    name: str
    description: str
    result: Callable[[Warehouse, Contract], dg.AssetCheckResult]


def store_checks(contracts: Mapping[str, Contract]) -> dg.AssetChecksDefinition:
    """Make the checks of store and inbox. No job plans them: `report_looks` tells what changed."""
    by_source = {store_key(source): contract for source, contract in contracts.items()}
    specs = [
        dg.AssetCheckSpec(look.name, asset=key, description=f"{look.description} {_WHEN}")
        for key in by_source
        for look in _LOOKS
    ]
    strays = dg.AssetCheckSpec(
        STRAYS,
        asset=STRAY_FILES,
        description="Every file in the inbox lies in a feed's folder. A warning at first; an error once they "
        "lie there longer than the inbox may keep files.",
    )

    @dg.multi_asset_check(
        name="look_at_the_store",
        description="Compares the store with contracts, ledger and windows.",
        specs=[*specs, strays],
        can_subset=True,
        retry_policy=RETRIES,
    )
    def _look(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> Iterator[dg.AssetCheckResult]:
        chosen = context.selected_asset_check_keys
        assets = {key.asset_key for key in chosen}
        with values_stay_inside():
            found = looks(warehouse, [c for key, c in by_source.items() if key in assets])
            results = [*found, strays_result(warehouse)]
        yield from (result for result in results if key_of(result) in chosen)

    return _look


def looks(warehouse: Warehouse, contracts: Iterable[Contract]) -> list[dg.AssetCheckResult]:
    """Look at the stored rows of some contracts; what cannot be looked at is red, and hides nothing else."""
    found = []
    for contract in contracts:
        for look in _LOOKS:
            try:
                result = look.result(warehouse, contract)
            except WarehouseError as error:
                result = dg.AssetCheckResult(passed=False, metadata={"why": str(error)})
            key = store_key(contract.source)
            found.append(result._replace(asset_key=key, check_name=look.name))
    return found


def news(instance: dg.DagsterInstance, results: Sequence[dg.AssetCheckResult]) -> list[dg.AssetCheckResult]:
    """Return those results that say something else than the last ones that Dagster has, and first ones."""
    last = instance.event_log_storage.get_latest_asset_check_execution_by_key([*map(key_of, results)])
    failed, passed = AssetCheckExecutionRecordStatus.FAILED, AssetCheckExecutionRecordStatus.SUCCEEDED
    return [
        result
        for result in results
        if (told := last.get(key_of(result))) is None
        or told.status is not (passed if result.passed else failed)
    ]


def report_looks(
    instance: dg.DagsterInstance, warehouse: Warehouse, contracts: Iterable[Contract]
) -> list[dg.AssetCheckKey]:
    """Look at the stored rows of some contracts, and report what is new; return what must stop a build."""
    found = looks(warehouse, contracts)
    report_checks(instance, news(instance, found))
    return [
        key_of(each) for each in found if not each.passed and each.severity is dg.AssetCheckSeverity.ERROR
    ]


def key_of(result: dg.AssetCheckResult) -> dg.AssetCheckKey:
    """Return the key of the check that a result is of."""
    return dg.AssetCheckKey(dg.AssetKey.from_coercible(result.asset_key or ()), result.check_name or "")


def evaluation(result: dg.AssetCheckResult) -> dg.AssetCheckEvaluation:
    """Return what reports a result outside of its own step."""
    key = key_of(result)
    return dg.AssetCheckEvaluation(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=result.passed,
        severity=result.severity,
        metadata=result.metadata,
    )


def report_checks(instance: dg.DagsterInstance, results: Iterable[dg.AssetCheckResult]) -> None:
    """Report checks that no run planned; not in a run's log, which loses them where its step fails."""
    for result in results:
        instance.report_runless_asset_event(evaluation(result))


def taken_in_spec(feed: str) -> dg.AssetCheckSpec:
    """Specify the check that all files of a feed could be taken in, and most of each."""
    return dg.AssetCheckSpec(
        TAKEN_IN,
        asset=batches_key(feed),
        description="No file of the feed was left in the inbox, and none of which half the rows or more wait "
        "in quarantine.",
    )


def taken_in_result(warehouse: Warehouse, feed: str, problems: Sequence[str]) -> dg.AssetCheckResult:
    """Look for files of a feed that were not loaded, or of which most is in quarantine.

    Args:
        problems: Why files were not loaded.
    """
    quarantined = warehouse.runtime.store.ledger.mostly_quarantined(QUARANTINE).get(feed, 0)
    return dg.AssetCheckResult(
        asset_key=batches_key(feed),
        check_name=TAKEN_IN,
        passed=not (problems or quarantined),
        metadata={
            "files_left_in_the_inbox": len(problems),
            "files_mostly_in_quarantine": quarantined,
            **({"why": "\n".join(sorted(set(problems)))} if problems else {}),
            **({"next_step": "wasms quarantine list"} if quarantined else {}),
        },
    )


def strays_result(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Look for files in the inbox that lie in no feed's folder; count them, for names may be personal."""
    declarations, store = warehouse.runtime
    since = [path.stat().st_ctime for path in stray_files(store.home.inbox, declarations.contracts)]
    oldest = datetime.fromtimestamp(min(since), UTC) if since else None
    late = oldest is not None and datetime.now(UTC) - oldest > timedelta(
        days=declarations.policy.inbox_ttl_days
    )
    return dg.AssetCheckResult(
        asset_key=STRAY_FILES,
        check_name=STRAYS,
        passed=not since,
        severity=dg.AssetCheckSeverity.ERROR if late else dg.AssetCheckSeverity.WARN,
        metadata={"files": len(since), "oldest": f"{oldest:%Y-%m-%d}" if oldest else "none"},
    )


def contract_result(warehouse: Warehouse, contract: Contract) -> dg.AssetCheckResult:
    """Compare the columns of the live files with the contract's.

    A column too many or of another type is an error; one that older files lack is a warning, for it
    reads as null.
    """
    from warehouse.store.inspection import written_columns

    store = warehouse.runtime.store
    declared = set(contract.plan.stored_columns())
    names = {name for name, _ in declared}
    parts = store.ledger.live_parts(contract.source)
    written = written_columns(store.home, engine=store.engine, parts=parts)
    undeclared = {name for name, _ in written} - names
    mistyped = {name for name, _ in written - declared} - undeclared
    missing = {name for part in parts for name in names - set(part.columns)}
    wrong = bool(undeclared or mistyped)
    return dg.AssetCheckResult(
        passed=not wrong and not missing,
        severity=dg.AssetCheckSeverity.ERROR if wrong else dg.AssetCheckSeverity.WARN,
        metadata={
            "files": len(parts),
            "columns": len(declared),
            "undeclared": sorted(undeclared),
            "other_type": sorted(mistyped),
            "missing_in_older_files": sorted(missing),
        },
    )


def reconciliation_result(warehouse: Warehouse, contract: Contract) -> dg.AssetCheckResult:
    """Compare what ingestion counted with what the ledger lists and what the files hold.

    That each batch adds up (read = kept + duplicate + dropped + quarantined) is a condition of its
    commit. This looks at what became of the kept rows since. Files are opened where they are few:
    entities, and days that changed since they were last closed.
    """
    from warehouse.store.inspection import count_rows, damaged_files

    store = warehouse.runtime.store
    ledger = store.ledger
    outcomes: Counter[str] = Counter()
    for count in ledger.counts():
        outcomes[count.outcome] += count.rows if count.source == contract.source else 0
    parts = ledger.live_parts(contract.source)
    held = [part for part in ledger.held_parts() if part.source == contract.source]
    damaged = damaged_files(store.home, [*parts, *held])
    rows_by_state = ledger.rows_by_decision(contract.source)
    stored = rows_by_state.get("live", 0)
    # What a rewritten file lost is counted by itself. An entity's state is replaced, not added to.
    gone = sum(rows for state, rows in rows_by_state.items() if state not in ("live", *_LIVES_ON))
    held_rows = sum(part.rows for part in held)
    lost = outcomes.get("kept", 0) - stored - gone if contract.kind is Kind.EVENT else 0
    opened = [] if damaged else _changed(store, contract, parts)
    difference = sum(part.rows for part in opened) - count_rows(store.home, engine=store.engine, parts=opened)
    return dg.AssetCheckResult(
        passed=not (lost or difference or damaged),
        metadata={
            **{f"rows_{outcome}": rows for outcome, rows in sorted(outcomes.items())},
            "rows_stored": stored - held_rows,
            "rows_held": held_rows,
            "rows_gone": gone,
            "rows_unaccounted": lost,
            "rows_differing_in_files": difference,
            "files_damaged": damaged,
        },
    )


def _changed(store: Store, contract: Contract, parts: Sequence[Part]) -> list[Part]:
    if contract.kind is Kind.ENTITY:
        return list(parts)
    dirty = {day for source, day in store.ledger.dirty_days() if source == contract.source}
    return [part for part in parts if part.event_date in dirty]


def window_result(warehouse: Warehouse, contract: Contract) -> dg.AssetCheckResult:
    """Look for files past their window by the ledger alone: what is due today has until midnight.

    Rows within a file, ended accounts and holds are verification's to judge, which reads them.
    """
    declarations, store = warehouse.runtime
    parts = store.ledger.live_parts(contract.source)
    yesterday = warehouse.now() - timedelta(days=1)
    late = [part for part in parts if _is_past(declarations, contract, part, yesterday)]
    days = [part.event_date for part in parts if part.event_date is not None]
    held = [part for part in store.ledger.held_parts() if part.source == contract.source]
    return dg.AssetCheckResult(
        passed=not late,
        metadata={
            "files": len(parts),
            "files_past_their_window": len(late),
            "rows_past_their_window": sum(part.rows for part in late),
            "oldest_day": str(min(days, default="none")),
            "rows_held": sum(part.rows for part in held),
        },
    )


def _is_past(declarations: Declarations, contract: Contract, part: Part, at: datetime) -> bool:
    facts = RetentionInputs(
        versions=declarations.policy.history(), classes=declarations.policy.retention_classes_days
    )
    through = expired_through(facts, contract.policy, None, at) or date.min
    if part.event_date is not None and part.retention_days is not None:
        by_class = at.date() - timedelta(days=part.retention_days)
        # Where all have one window, the policy says it: a file may be of an older, longer class.
        everyone = not declarations.policy.versions[-1].categories[contract.policy].per_workspace
        return part.event_date <= (max(by_class, through) if everyone else by_class)
    _, _, month = part.partition.partition("month=")
    # The first day of the next month, at the latest, is later than every day of a month.
    return bool(month) and date.fromisoformat(f"{month[:7]}-01") + timedelta(days=31) <= through


# Of every store asset; while one of them is an error, no slice is built.
_LOOKS = (
    StoreCheck(
        "contract", "The files hold exactly the columns of the contract, in their types.", contract_result
    ),
    StoreCheck(
        "reconciliation",
        "Rows kept by ingestion = rows stored or held + rows deleted, and the files hold them.",
        reconciliation_result,
    ),
    StoreCheck(
        "nothing_past_its_window",
        "The ledger lists no file that had to be gone before today.",
        window_result,
    ),
)
