"""Retention in Dagster: the nightly deletion as an asset, its proof as checks, expired days as states."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

import dagster as dg

from pipelines.closing import compact_closed_days
from pipelines.contract import Contract, Kind
from pipelines.conventions import (
    DAYS,
    RETRIES,
    WRITER_POOL,
    batches_key,
    retention_key,
    store_key,
    values_stay_inside,
)
from pipelines.resources import Warehouse
from pipelines.retention import apply_retention, plan_retention, slices_of
from pipelines.runtime import Runtime
from warehouse.ledger import Part
from warehouse.retention import evidence, records
from warehouse.retention.evidence import Entry
from warehouse.retention.plan import GONE
from warehouse.retention.planner import days_at_risk
from warehouse.retention.records import Tombstone
from warehouse.retention.rules import Facts, expired_through

# Metadata of the retention asset: up to which evidence the deleted partitions are shown as expired.
TOLD_UNTIL = "partitions_told_until_evidence"
# Metadata of a store partition.
STATE, EXPIRED, PARTLY = "state", "expired", "partly expired"

WINDOW_CHECK = "nothing_past_its_window"
IN_TIME_CHECK = "published_in_time"
ENDINGS_CHECK = "accounts_ending"


def retention_asset() -> dg.AssetsDefinition:
    """What was deleted, when and under which rule; to materialize it is to delete what is due."""

    @dg.asset(
        key=retention_key(),
        group_name="retention",
        owners=["team:privacy"],
        description="The evidence in the ledger. Materializing deletes what is past its window, unless the "
        "amount is unusual, compacts closed days, and marks the partitions that are gone.",
        kinds={"sqlite"},
        tags={"zone": "retention"},
        pool=WRITER_POOL,
        retry_policy=RETRIES,
    )
    def _evidence(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult[None]:
        runtime, as_of = warehouse.runtime, warehouse.now()
        with values_stay_inside():
            applied, finished = apply_retention(runtime, as_of=as_of, guarded=True)
            compacted, swept = compact_closed_days(runtime, as_of=as_of)
            entries = evidence.entries(runtime.ledger)
            for event in expired_states(runtime, entries, after=_told_until(context.instance)):
                context.log_event(event)
        plan = applied.plan
        return dg.MaterializeResult(
            metadata={
                "evidence": applied.evidence or "nothing was due",
                "plan": plan.hash,
                "rows_deleted": plan.rows_gone,
                "rows_by_data_set_and_rule": {
                    f"{source}, {to}, {rule}": rows for (source, to, rule), rows in plan.rows_by().items()
                },
                "rows_held": dict(plan.held),
                "store_files_unlinked": finished.files_unlinked + swept.files,
                "other_files_removed": finished.files_removed,
                "keys_destroyed": finished.keys_destroyed + swept.keys,
                "accounts_ended": len(plan.endings),
                "slices_lost": [str(day) for day in plan.gaps],
                "files_compacted": compacted,
                TOLD_UNTIL: entries[-1].seq if entries else 0,
            }
        )

    return _evidence


def _told_until(instance: dg.DagsterInstance) -> int:
    event = instance.get_latest_materialization_event(retention_key())
    materialization = event.asset_materialization if event else None
    told = materialization.metadata.get(TOLD_UNTIL) if materialization else None
    return told.value if isinstance(told, dg.IntMetadataValue) and told.value else 0


def expired_states(
    runtime: Runtime, entries: Iterable[Entry], *, after: int
) -> Iterator[dg.AssetMaterialization]:
    """What Dagster shows of days that lost rows: one event each, with what is left and the evidence.

    Args:
        entries: All evidence.
        after: Number of the last entry whose deletions are shown already.
    """
    known = {entry.seq: entry for entry in entries}
    lost: dict[tuple[str, date], list[Tombstone]] = defaultdict(list)
    for stone in records.tombstones(runtime.ledger):
        contract = runtime.contracts.get(stone.source)
        if contract is not None and contract.kind is Kind.EVENT:
            lost[stone.source, stone.event_date].append(stone)
    held = _rows_by_day(runtime.ledger.held_parts())
    live: dict[str, dict[date, int]] = {}
    for (source, day), stones in lost.items():
        last = max(stones, key=lambda stone: stone.evidence)
        if last.evidence <= after or not DAYS.has_partition_key(day.isoformat()):
            continue
        if source not in live:
            live[source] = dict(runtime.ledger.live_days(source))
        rows = live[source].get(day, 0)
        yield dg.AssetMaterialization(
            store_key(source),
            partition=day.isoformat(),
            description=f"{PARTLY if rows else EXPIRED} as of {last.deleted_as_of.date()}",
            metadata=expired_metadata(last, known.get(last.evidence), rows=rows)
            | {"rows_held": held.get((source, day), 0)},
        )


def expired_metadata(stone: Tombstone, entry: Entry | None, *, rows: int) -> dict[str, str | int]:
    """What stands on a partition that lost rows; ``rows`` are those it still has."""
    return {
        STATE: PARTLY if rows else EXPIRED,
        "dagster/partition_row_count": rows,
        "rule": ", ".join(_rules(entry, stone.source)) or "unknown",
        "retention_days": stone.retention_days,
        "deleted_as_of": str(stone.deleted_as_of.date()),
        "evidence": stone.evidence,
    }


def expired_days(runtime: Runtime, source: str) -> dict[date, Tombstone]:
    """Days of a data set all of whose rows were deleted → the last deletion."""
    live = {day for day, _ in runtime.ledger.live_days(source)}
    stones = sorted(records.tombstones(runtime.ledger, source), key=lambda stone: stone.evidence)
    return {stone.event_date: stone for stone in stones if stone.event_date not in live}


def window_checks(contracts: Mapping[str, Contract]) -> list[dg.AssetChecksDefinition]:
    """Of every store asset: that nothing is past its window."""
    return [_window_check(contract) for contract in contracts.values()]


def _window_check(contract: Contract) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=store_key(contract.source),
        name=WINDOW_CHECK,
        description="The ledger lists no file that had to be gone before today.",
        blocking=True,
        # After what may bring rows, and after what deletes them.
        additional_deps=[batches_key(contract.feed), retention_key()],
        retry_policy=RETRIES,
    )
    def _nothing_past_its_window(warehouse: Warehouse) -> dg.AssetCheckResult:
        with values_stay_inside():
            return window_result(warehouse.runtime, contract, as_of=warehouse.now())

    return _nothing_past_its_window


def window_result(runtime: Runtime, contract: Contract, *, as_of: datetime) -> dg.AssetCheckResult:
    """Look for files past their window by the ledger alone: what is due today has until midnight.

    Rows within a file, ended accounts and holds are verification's to judge, which reads them.
    """
    parts = runtime.ledger.live_parts(contract.source)
    yesterday = as_of - timedelta(days=1)
    late = [part for part in parts if _is_past(runtime, contract, part, yesterday)]
    days = [part.event_date for part in parts if part.event_date is not None]
    held = [part for part in runtime.ledger.held_parts() if part.source == contract.source]
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


def _is_past(runtime: Runtime, contract: Contract, part: Part, at: datetime) -> bool:
    facts = Facts(versions=runtime.policy.history(), classes=runtime.policy.retention_classes_days)
    through = expired_through(facts, contract.policy, None, at) or date.min
    if part.event_date is not None and part.retention_days is not None:
        by_class = at.date() - timedelta(days=part.retention_days)
        # Where all have one window, the policy says it: a file may be of an older, longer class.
        everyone = not runtime.policy.versions[-1].categories[contract.policy].per_workspace
        return part.event_date <= (max(by_class, through) if everyone else by_class)
    _, _, month = part.partition.partition("month=")
    # The first day of the next month, at the latest, is later than every day of a month.
    return bool(month) and date.fromisoformat(f"{month[:7]}-01") + timedelta(days=31) <= through


def in_time_checks(cubes: Iterable[dg.AssetKey]) -> list[dg.AssetChecksDefinition]:
    """Of every cube: that no slice loses its rows before it is built."""
    return [_in_time_check(cube) for cube in cubes]


def _in_time_check(cube: dg.AssetKey) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=cube,
        name=IN_TIME_CHECK,
        description="No slice that is not built loses its rows within seven days. Deletion does not wait.",
        additional_deps=[retention_key()],
        retry_policy=RETRIES,
    )
    def _in_time(warehouse: Warehouse) -> dg.AssetCheckResult:
        with values_stay_inside():
            days = unpublished_days(warehouse)
        return dg.AssetCheckResult(
            passed=not days, severity=dg.AssetCheckSeverity.WARN, metadata=in_time_metadata(days)
        )

    return _in_time


def unpublished_days(warehouse: Warehouse) -> list[date]:
    """Days that lose rows within seven days and could be in the cubes, but are not."""
    runtime, as_of = warehouse.runtime, warehouse.now()
    return days_at_risk(runtime.ledger, slices_of(runtime, as_of=as_of), as_of=as_of)


def in_time_metadata(days: Sequence[date]) -> dict[str, str | int]:
    """How many days, and which."""
    listed = {"first_day": str(days[0]), "last_day": str(days[-1])} if days else {}
    return {"days_at_risk": len(days), **listed}


def endings_check() -> dg.AssetChecksDefinition:
    """Of the evidence: which accounts are about to be deleted."""

    @dg.asset_check(
        asset=retention_key(),
        name=ENDINGS_CHECK,
        description="No account's data is to be deleted within seven days. A warning, not a fault: it says "
        "whose, by keyed hash, and when; `wasms retention plan` names them.",
        retry_policy=RETRIES,
    )
    def _endings(warehouse: Warehouse) -> dg.AssetCheckResult:
        with values_stay_inside():
            coming = coming_endings(warehouse)
        return dg.AssetCheckResult(
            passed=not coming, severity=dg.AssetCheckSeverity.WARN, metadata={"accounts": coming}
        )

    return _endings


def coming_endings(warehouse: Warehouse) -> dict[str, str]:
    """Subject of each account that is deleted within seven days → the day."""
    plan = plan_retention(warehouse.runtime, as_of=warehouse.now()).plan
    return {ending.subject: str(ending.due) for ending in plan.coming_endings}


def retention_alarm(cubes: Sequence[dg.AssetKey]) -> dg.SensorDefinition:
    """Tells between runs what is about to be deleted."""

    @dg.sensor(
        name="retention_alarm",
        minimum_interval_seconds=3600,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Turns a check of the cubes red when slices that are not built are about to lose their "
        "rows; warns of accounts about to be deleted. Looks once a day, and when slices were built.",
    )
    def _alarm(context: dg.SensorEvaluationContext, warehouse: Warehouse) -> dg.SensorResult:
        with values_stay_inside():
            state = f"{warehouse.now().date()} {warehouse.runtime.ledger.built_until()}"
            if context.cursor == state:
                return dg.SensorResult(skip_reason="Nothing has changed since the last look.")
            days, accounts = unpublished_days(warehouse), coming_endings(warehouse)
        if days:
            context.log.error("%d slice(s) from %s on lose their rows and are not built.", len(days), days[0])
        if accounts:
            context.log.warning("%d account(s) are about to be deleted.", len(accounts))
        return dg.SensorResult(
            skip_reason=f"Within seven days end {len(days)} slice(s) not built, {len(accounts)} account(s).",
            cursor=state,
            asset_events=_alarms(cubes, days, accounts),
        )

    return _alarm


def _alarms(
    cubes: Iterable[dg.AssetKey], days: Sequence[date], accounts: Mapping[str, str]
) -> list[dg.AssetCheckEvaluation]:
    """The checks of cubes and evidence as they stand at this moment; red where a job would only warn."""
    in_time = [
        dg.AssetCheckEvaluation(
            asset_key=cube,
            check_name=IN_TIME_CHECK,
            passed=not days,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata=in_time_metadata(days),
        )
        for cube in cubes
    ]
    endings = dg.AssetCheckEvaluation(
        asset_key=retention_key(),
        check_name=ENDINGS_CHECK,
        passed=not accounts,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"accounts": dict(accounts)},
    )
    return [*in_time, endings]


def _rules(entry: Entry | None, source: str) -> list[str]:
    rows = entry.body.get("rows") if entry is not None else None
    listed = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return sorted({str(row["rule"]) for row in listed if (row["data_set"], row["to"]) == (source, GONE)})


def _rows_by_day(parts: Iterable[Part]) -> dict[tuple[str, date], int]:
    rows: dict[tuple[str, date], int] = defaultdict(int)
    for part in parts:
        if part.event_date is not None:
            rows[part.source, part.event_date] += part.rows
    return rows
