"""Retention in Dagster: the nightly deletion as an asset, expired days as states of their partitions."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date

import dagster as dg

from pipelines.closing import compact_closed_days
from pipelines.contract import Kind
from pipelines.conventions import (
    DAYS,
    RETRIES,
    WRITER_POOL,
    retention_key,
    store_key,
    values_stay_inside,
)
from pipelines.resources import Warehouse
from pipelines.retention import apply_retention
from pipelines.runtime import Runtime
from warehouse.ledger import Part
from warehouse.retention import evidence, records
from warehouse.retention.evidence import Entry
from warehouse.retention.plan import GONE
from warehouse.retention.records import Tombstone

# Metadata of the retention asset: up to which evidence the deleted partitions are shown as expired.
TOLD_UNTIL = "partitions_told_until_evidence"
# Metadata of a store partition.
STATE, EXPIRED, PARTLY = "state", "expired", "partly expired"


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
