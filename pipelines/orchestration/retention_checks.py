"""Make the checks of retention: nothing past its window, sound evidence, and warnings in time."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

import dagster as dg

from pipelines.declarations.contract import Contract
from pipelines.declarations.declarations import Declarations
from pipelines.orchestration.checks import asset_check, store_check
from pipelines.orchestration.keys import WRITER_POOL, retention_key, values_stay_inside
from pipelines.orchestration.resources import Warehouse
from pipelines.retention.plan import plan_retention, slices_of
from pipelines.retention.verify import prove
from warehouse.ledger.parts import Part
from warehouse.retention.plan import ALARM_DAYS
from warehouse.retention.planning.gaps import days_at_risk
from warehouse.retention.rules import RetentionInputs, expired_through

WINDOW_CHECK = "nothing_past_its_window"
IN_TIME_CHECK = "published_in_time"
ACCOUNT_END_CHECK = "accounts_ending"


def window_checks(contracts: Mapping[str, Contract]) -> list[dg.AssetChecksDefinition]:
    """Make the check of every store asset that nothing is past its window."""
    description = "The ledger lists no file that had to be gone before today."
    return [store_check(each, WINDOW_CHECK, description, window_result) for each in contracts.values()]


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


def in_time_checks(cubes: Iterable[dg.AssetKey]) -> list[dg.AssetChecksDefinition]:
    """Make the check of every cube that no slice loses its rows before it is built."""

    def result(warehouse: Warehouse) -> dg.AssetCheckResult:
        days = unpublished_days(warehouse)
        return dg.AssetCheckResult(
            passed=not days, severity=dg.AssetCheckSeverity.WARN, metadata=in_time_metadata(days)
        )

    description = (
        f"No slice that is not built loses its rows within {ALARM_DAYS} days. Deletion does not wait."
    )
    return [asset_check(cube, IN_TIME_CHECK, description, result, after=[retention_key()]) for cube in cubes]


def verified_check() -> dg.AssetChecksDefinition:
    """Make the check of the evidence: that it is whole, and that nothing anywhere is past its window."""

    def result(warehouse: Warehouse) -> dg.AssetCheckResult:
        verified = prove(*warehouse.runtime, as_of=warehouse.now())
        return dg.AssetCheckResult(
            passed=not verified.findings,
            metadata={
                "rows": verified.rows,
                "files": verified.files,
                "entries_of_evidence": verified.entries,
                "findings": [str(finding) for finding in verified.findings],
            },
        )

    return asset_check(
        retention_key(),
        "verified",
        "The chain of evidence is sound; every row of the store, the databases, logs, keys and Dagster's own "
        "records were looked at, and nothing is past its window.",
        result,
        pool=WRITER_POOL,
    )


def unpublished_days(warehouse: Warehouse) -> list[date]:
    """Return days that lose rows before long and could be in the cubes, but are not."""
    runtime, as_of = warehouse.runtime, warehouse.now()
    return days_at_risk(runtime.store.ledger, slices_of(*runtime, as_of=as_of), as_of=as_of)


def in_time_metadata(days: Sequence[date]) -> dict[str, str | int]:
    """Return how many days, and which."""
    listed = {"first_day": str(days[0]), "last_day": str(days[-1])} if days else {}
    return {"days_at_risk": len(days), **listed}


def account_end_check() -> dg.AssetChecksDefinition:
    """Make the check that lists which accounts are about to be deleted."""

    def result(warehouse: Warehouse) -> dg.AssetCheckResult:
        coming = coming_account_ends(warehouse)
        return dg.AssetCheckResult(
            passed=not coming, severity=dg.AssetCheckSeverity.WARN, metadata={"accounts": coming}
        )

    return asset_check(
        retention_key(),
        ACCOUNT_END_CHECK,
        f"No account's data is to be deleted within {ALARM_DAYS} days. A warning, not a fault: it says "
        "whose, by keyed hash, and when; `wasms retention plan` names them.",
        result,
    )


def coming_account_ends(warehouse: Warehouse) -> dict[str, str]:
    """Return subject of each account that is deleted before long → the day."""
    plan = plan_retention(*warehouse.runtime, as_of=warehouse.now()).plan
    return {end.subject: str(end.due) for end in plan.coming_account_ends}


def retention_alarm(cubes: Sequence[dg.AssetKey]) -> dg.SensorDefinition:
    """Build the sensor that warns, between runs, of what is about to be deleted."""

    @dg.sensor(
        name="retention_alarm",
        minimum_interval_seconds=3600,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Turns a check of the cubes red when slices that are not built are about to lose their "
        "rows; warns of accounts about to be deleted. Looks once a day, and when slices were built.",
    )
    def _alarm(context: dg.SensorEvaluationContext, warehouse: Warehouse) -> dg.SensorResult:
        with values_stay_inside():
            state = f"{warehouse.now().date()} {warehouse.runtime.store.ledger.built_until()}"
            if context.cursor == state:
                return dg.SensorResult(skip_reason="Nothing has changed since the last look.")
            days, accounts = unpublished_days(warehouse), coming_account_ends(warehouse)
        if days:
            context.log.error("%d slice(s) from %s on lose their rows and are not built.", len(days), days[0])
        if accounts:
            context.log.warning("%d account(s) are about to be deleted.", len(accounts))
        return dg.SensorResult(
            skip_reason=f"Within {ALARM_DAYS} days end {len(days)} slice(s) not built, "
            f"{len(accounts)} account(s).",
            cursor=state,
            asset_events=_alarms(cubes, days, accounts),
        )

    return _alarm


def _alarms(
    cubes: Iterable[dg.AssetKey], days: Sequence[date], accounts: Mapping[str, str]
) -> list[dg.AssetCheckEvaluation]:
    """Return the checks of cubes and evidence at this moment; red where a job would only warn."""
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
    account_ends = dg.AssetCheckEvaluation(
        asset_key=retention_key(),
        check_name=ACCOUNT_END_CHECK,
        passed=not accounts,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"accounts": dict(accounts)},
    )
    return [*in_time, account_ends]
