"""Make asset checks from the contracts and the manifest; their metadata hold no value of a row."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial

import dagster as dg

from pipelines.declarations.calendar import last_closed_day
from pipelines.declarations.contract import Contract, Kind, lateness_days
from pipelines.orchestration.keys import (
    RETRIES,
    WRITER_POOL,
    batches_key,
    retention_key,
    store_key,
    values_stay_inside,
)
from pipelines.orchestration.resources import Warehouse
from warehouse.ledger.parts import Part
from warehouse.store.connection import identifier
from warehouse.store.inspection import count_rows, damaged_files, written_columns
from warehouse.store.session import open_session
from warehouse.store.store import Store

# Said again on purpose, beside dbt's `minimum_contacts`: a slip there must be caught here.
MINIMUM_CONTACTS = 11
# The column of cubes and marts that holds distinct contacts.
CONTACTS_COLUMN = "audience_contacts"

# Why a file was removed whose rows are in another now.
_LIVES_ON = ("compacted", "rewritten")

# Events come all the time; exports of tables may come once a week.
LONGEST_SILENCE = {Kind.EVENT: timedelta(days=2), Kind.ENTITY: timedelta(days=8)}
# Slices close at midnight and are built the same night.
LATEST_SLICE = timedelta(days=1)


def asset_check(
    asset: dg.AssetKey,
    name: str,
    description: str,
    result: Callable[[Warehouse], dg.AssetCheckResult],
    *,
    after: Sequence[dg.AssetKey] = (),
    blocking: bool = False,
    pool: str | None = None,
) -> dg.AssetChecksDefinition:
    """Make a check of an asset; no error of it shows a value.

    Args:
        result: Looks at the warehouse.
        after: Assets of the same run that are made first.
    """

    @dg.asset_check(
        asset=asset,
        name=name,
        description=description,
        additional_deps=after,
        blocking=blocking,
        pool=pool,
        retry_policy=RETRIES,
    )
    def _check(warehouse: Warehouse) -> dg.AssetCheckResult:
        with values_stay_inside():
            return result(warehouse)

    return _check


def store_check(
    contract: Contract,
    name: str,
    description: str,
    result: Callable[[Warehouse, Contract], dg.AssetCheckResult],
    *,
    blocking: bool = True,
) -> dg.AssetChecksDefinition:
    """Make a check of a contract's stored rows, after what may bring or delete some in the same run."""
    return asset_check(
        store_key(contract.source),
        name,
        description,
        lambda warehouse: result(warehouse, contract),
        after=[batches_key(contract.feed), retention_key()],
        blocking=blocking,
    )


def store_checks(contracts: Mapping[str, Contract]) -> list[dg.AssetChecksDefinition]:
    """Make the checks of contract, reconciliation and freshness of every store asset."""
    columns = "The files hold exactly the columns of the contract, in their types."
    rows = "Rows kept by ingestion = rows stored or held + rows deleted, and the files hold them."
    feed = "The feed {} has brought a file within {} days, if ever."
    made = []
    for contract in contracts.values():
        silence = feed.format(contract.feed, LONGEST_SILENCE[contract.kind].days)
        made += [
            store_check(contract, "contract", columns, contract_result),
            store_check(contract, "reconciliation", rows, reconciliation_result),
            store_check(contract, "freshness", silence, freshness_result, blocking=False),
        ]
    return made


def threshold_checks(tables: Iterable[dg.AssetKey]) -> list[dg.AssetChecksDefinition]:
    """Make the check of the threshold of every cube and mart that counts contacts.

    Args:
        tables: Keys `[schema, table]` of tables that have `audience_contacts`.
    """
    description = f"No row counts fewer than {MINIMUM_CONTACTS} distinct contacts."
    return [
        asset_check(
            key, "threshold", description, partial(threshold_result, key=key), blocking=True, pool=WRITER_POOL
        )
        for key in tables
    ]


def slices_check(cube: dg.AssetKey) -> dg.AssetChecksDefinition:
    """Make the check whether all slices that closed are built."""
    return asset_check(
        cube, "freshness", "All slices that closed are built, the last one within a day.", slices_result
    )


def slices_result(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Compare the days that closed with the slices that are built."""
    runtime = warehouse.runtime
    built = runtime.store.ledger.built_until()
    lateness = lateness_days(runtime.declarations.contracts)
    closed = last_closed_day(warehouse.now(), lateness_days=lateness)
    days = [d for c in runtime.declarations.contracts for d, _ in runtime.store.ledger.live_days(c)]
    # Before anything was built, what counts is whether a slice waits.
    waiting = [day for day in days if day <= closed and (built is None or day > built)]
    late = bool(waiting) and min(waiting) + LATEST_SLICE <= closed
    return dg.AssetCheckResult(
        passed=not late,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "last_closed": str(closed),
            "built_until": str(built),
            "days_waiting": len(set(waiting)),
        },
    )


def contract_result(warehouse: Warehouse, contract: Contract) -> dg.AssetCheckResult:
    """Compare the columns of the live files with the contract's.

    A column too many or of another type is an error; one that older files lack is a warning, for it
    reads as null.
    """
    store = warehouse.runtime.store
    declared = set(contract.plan.stored_columns())
    names = {name for name, _ in declared}
    parts = store.ledger.live_parts(contract.source)
    written = written_columns(store.home, keyring=store.keyring, parts=parts)
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
    store = warehouse.runtime.store
    ledger = store.ledger
    outcomes = {c.outcome: 0 for c in ledger.counts()}
    for count in ledger.counts():
        if count.source == contract.source:
            outcomes[count.outcome] += count.rows
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
    difference = sum(part.rows for part in opened) - count_rows(
        store.home, keyring=store.keyring, parts=opened
    )
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


def freshness_result(warehouse: Warehouse, contract: Contract) -> dg.AssetCheckResult:
    """Look when the feed of a contract last brought a file."""
    last = warehouse.runtime.store.ledger.last_arrival(contract.feed)
    age = warehouse.now() - last if last else timedelta(0)
    return dg.AssetCheckResult(
        passed=age <= LONGEST_SILENCE[contract.kind],
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"last_arrival": f"{last:%Y-%m-%d %H:%M} UTC" if last else "never"},
    )


def threshold_result(warehouse: Warehouse, key: dg.AssetKey) -> dg.AssetCheckResult:
    """Count the rows of a table whose contacts are too few; one with neither a number nor a code is one.

    Sums of former workspaces are lower bounds, and may be any number.
    """
    table = ".".join(identifier(part) for part in ("warehouse", *key.path))
    flag = f"{CONTACTS_COLUMN}_flag"
    with open_session(warehouse.runtime.store.home, schemas={}, read_only=True) as connection:
        row = connection.execute(
            f"select count(*), count(*) filter (case when {CONTACTS_COLUMN} is null "
            f"then {flag} is distinct from '<k' "
            f"else {CONTACTS_COLUMN} < ? and {flag} is distinct from '>=' end) from {table}",
            [MINIMUM_CONTACTS],
        ).fetchone()
    rows, below = row or (0, 0)
    return dg.AssetCheckResult(
        passed=below == 0,
        metadata={"rows": rows, "rows_below_threshold": below, "threshold": MINIMUM_CONTACTS},
    )
