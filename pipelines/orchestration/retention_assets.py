"""Make the asset of the evidence, with the checks of what a night deleted and is about to delete."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from typing import Any

import dagster as dg

from pipelines.orchestration.checks import report_looks
from pipelines.orchestration.keys import (
    EVIDENCE,
    MONTHS,
    NIGHTLY,
    RETRIES,
    WRITER_POOL,
    store_key,
    team,
    values_stay_inside,
)
from pipelines.orchestration.reported import ENTRY, store_changes
from pipelines.orchestration.resources import Warehouse
from pipelines.privacy.deadlines import ANSWER_BUSINESS_DAYS, LATE_DAYS, TOO_LATE_DAYS, lateness
from pipelines.windows.inputs import SETTINGS
from warehouse.ledger.requests import requests
from warehouse.retention.plan import ALARM_DAYS

VERIFIED, IN_TIME, ACCOUNTS_ENDING = "verified", "published_in_time", "accounts_ending"
REQUESTS = "requests_in_time"
_CHECKS = {
    VERIFIED: "The chain of evidence is sound; every row of the store, the databases, logs, keys and "
    "Dagster's own records were looked at, and nothing is past its window.",
    IN_TIME: f"No slice that is not built loses its rows within {ALARM_DAYS} days. Deletion does not wait.",
    ACCOUNTS_ENDING: f"No account's data is to be deleted within {ALARM_DAYS} days. A warning, not a fault: "
    "it says whose, by keyed hash, and when; `wasms retention plan` names them.",
    REQUESTS: f"No request of a data subject is open for {LATE_DAYS} days (a warning) or {TOO_LATE_DAYS} "
    "(an error), more by as many as it was extended; each has a first answer after "
    f"{ANSWER_BUSINESS_DAYS} business days. `wasms privacy list` shows them.",
}


def retention_asset() -> dg.AssetsDefinition:
    """Make the asset of the evidence; to materialize it is to delete what is due."""

    @dg.multi_asset(
        name="delete_due",
        description="Deletes what is past its window, compacts closed days, then looks what is left.",
        specs=[
            dg.AssetSpec(
                key=EVIDENCE,
                group_name="retention",
                owners=["team:privacy"],
                description="The evidence in the ledger. Materializing deletes what is past its window, "
                "unless the amount is unusual, compacts closed days, and marks the partitions that are gone.",
                kinds={"sqlite"},
                tags={"zone": "retention"},
                freshness_policy=NIGHTLY,
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(name, asset=EVIDENCE, description=text) for name, text in _CHECKS.items()
        ],
        pool=WRITER_POOL,
        retry_policy=RETRIES,
    )
    def _evidence(
        context: dg.AssetExecutionContext, warehouse: Warehouse
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        with values_stay_inside():
            try:
                metadata = delete_due(warehouse)
            finally:
                contracts = warehouse.runtime.declarations.contracts.values()
                report_looks(context.instance, warehouse, contracts)
            for event in store_changes(context.instance, *warehouse.runtime):
                context.log_event(event)
            checks = list(_looks(warehouse))
        yield dg.MaterializeResult(asset_key=EVIDENCE, metadata=metadata)
        yield from checks

    return _evidence


def delete_due(warehouse: Warehouse) -> dict[str, Any]:
    """Delete what is due, unless it is unusually much, and compact closed days; return what was done."""
    from pipelines.retention.apply import apply_retention
    from pipelines.retention.closing import compact_closed_days
    from warehouse.retention import evidence

    runtime, as_of = warehouse.runtime, warehouse.now()
    applied, finished = apply_retention(*runtime, as_of=as_of, guarded=True)
    compacted, swept = compact_closed_days(*runtime, as_of=as_of)
    plan = applied.plan
    return {
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
        "accounts_ended": len(plan.account_ends),
        "slices_lost": [str(day) for day in plan.gaps],
        "files_compacted": compacted,
        ENTRY: evidence.last_number(runtime.store.ledger),
    }


def months_asset() -> dg.AssetSpec:
    """Make the asset of the complete months; they are made for each session, so Dagster only shows it."""
    return dg.AssetSpec(
        key=MONTHS,
        deps=[store_key(SETTINGS)],
        group_name="retention",
        owners=[team("privacy")],
        description="Which months were complete when they closed, by data category and workspace. "
        "Computed from the policy's windows and the settings of workspaces. Tables by month count no others.",
        tags={"zone": "retention"},
    )


def _looks(warehouse: Warehouse) -> Iterator[dg.AssetCheckResult]:
    from pipelines.retention.plan import plan_retention
    from pipelines.retention.verify import prove

    verified = prove(*warehouse.runtime, as_of=warehouse.now())
    yield _found(
        VERIFIED,
        passed=not verified.findings,
        rows=verified.rows,
        files=verified.files,
        entries_of_evidence=verified.entries,
        findings=[str(finding) for finding in verified.findings],
    )
    days = unpublished_days(warehouse)
    listed: dict[str, Any] = {"first_day": str(days[0]), "last_day": str(days[-1])} if days else {}
    yield _found(IN_TIME, passed=not days, days_at_risk=len(days), **listed)
    asked = lateness(requests(warehouse.runtime.store.ledger), today=warehouse.now().date())
    is_in_time = not (asked.late or asked.unanswered)
    yield _found(REQUESTS, passed=is_in_time, is_warning=not asked.too_late, **asdict(asked))
    plan = plan_retention(*warehouse.runtime, as_of=warehouse.now()).plan
    coming = {end.subject: str(end.due) for end in plan.coming_account_ends}
    yield _found(ACCOUNTS_ENDING, passed=not coming, is_warning=True, accounts=coming)


def _found(name: str, *, passed: bool, is_warning: bool = False, **metadata: Any) -> dg.AssetCheckResult:
    severity = dg.AssetCheckSeverity.WARN if is_warning else dg.AssetCheckSeverity.ERROR
    return dg.AssetCheckResult(
        asset_key=EVIDENCE, check_name=name, passed=passed, severity=severity, metadata=metadata
    )


def unpublished_days(warehouse: Warehouse) -> list[date]:
    """Return days that lose rows before long and could be in the cubes, but are not."""
    from pipelines.retention.plan import slices_of
    from warehouse.retention.planning.gaps import days_at_risk

    runtime, as_of = warehouse.runtime, warehouse.now()
    return days_at_risk(runtime.store.ledger, slices_of(*runtime, as_of=as_of), as_of=as_of)
