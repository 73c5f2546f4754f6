"""Show retention in Dagster: the nightly deletion as an asset, expired days as states of their partitions."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

import dagster as dg

from pipelines.declarations.contract import Kind
from pipelines.declarations.declarations import Declarations
from pipelines.orchestration.keys import (
    DAYS,
    RETRIES,
    WRITER_POOL,
    months_key,
    retention_key,
    store_key,
    team,
    values_stay_inside,
)
from pipelines.orchestration.resources import Warehouse
from pipelines.retention.apply import apply_retention
from pipelines.retention.closing import compact_closed_days
from pipelines.windows.inputs import SETTINGS
from warehouse.retention import evidence, records
from warehouse.retention.evidence import Entry
from warehouse.retention.plan import GONE
from warehouse.retention.records import Tombstone
from warehouse.store.store import Store

# Metadata of the retention asset: up to which evidence the deleted partitions are shown as expired.
SHOWN_UNTIL = "partitions_shown_until_evidence"
# Metadata of a store partition.
STATE, EXPIRED, PARTLY = "state", "expired", "partly expired"


def retention_asset() -> dg.AssetsDefinition:
    """Make the asset of the evidence; to materialize it is to delete what is due."""

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
            applied, finished = apply_retention(*runtime, as_of=as_of, guarded=True)
            compacted, swept = compact_closed_days(*runtime, as_of=as_of)
            entries = evidence.entries(runtime.store.ledger)
            for event in expired_states(*runtime, entries, after=_shown_until(context.instance)):
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
                "accounts_ended": len(plan.account_ends),
                "slices_lost": [str(day) for day in plan.gaps],
                "files_compacted": compacted,
                SHOWN_UNTIL: entries[-1].seq if entries else 0,
            }
        )

    return _evidence


def _shown_until(instance: dg.DagsterInstance) -> int:
    event = instance.get_latest_materialization_event(retention_key())
    materialization = event.asset_materialization if event else None
    shown = materialization.metadata.get(SHOWN_UNTIL) if materialization else None
    return shown.value if isinstance(shown, dg.IntMetadataValue) and shown.value else 0


def months_asset() -> dg.AssetSpec:
    """Make the asset of the complete months; they are made for each session, so Dagster only shows it."""
    return dg.AssetSpec(
        key=months_key(),
        deps=[store_key(SETTINGS)],
        group_name="retention",
        owners=[team("privacy")],
        description="Which months were complete when they closed, by data category and workspace. "
        "Computed from the policy's windows and the settings of workspaces. Tables by month count no others.",
        tags={"zone": "retention"},
    )


@dataclass(frozen=True, slots=True)
class LostDay:
    """A day of a data set that lost rows, as its last deletion left it.

    Attributes:
        classes: Retention classes that this deletion touched.
        rows: What is left for use; ``held``: what only a legal hold keeps.
        evidence: Number of the entry that records the deletion.
    """

    source: str
    day: date
    classes: tuple[int, ...]
    rows: int
    held: int
    deleted_as_of: date
    evidence: int

    def metadata(self, entry: Entry | None) -> dict[str, str | int]:
        """Return the metadata of its partition."""
        return {
            STATE: PARTLY if self.rows else EXPIRED,
            "dagster/partition_row_count": self.rows,
            "rows_held": self.held,
            "rule": ", ".join(_rules(entry, self)) or "unknown",
            "retention_days": ", ".join(map(str, self.classes)),
            "deleted_as_of": str(self.deleted_as_of),
            "evidence": self.evidence,
        }


def lost_days(store: Store, source: str) -> dict[date, LostDay]:
    """Return the days of a data set that lost rows to deletions, wholly or partly."""
    stones: dict[date, list[Tombstone]] = defaultdict(list)
    for stone in records.tombstones(store.ledger, source):
        stones[stone.event_date].append(stone)
    live = dict(store.ledger.live_days(source))
    held: Counter[date | None] = Counter()
    for part in store.ledger.held_parts():
        if part.source == source:
            held[part.event_date] += part.rows
    lost = {}
    for day, found in stones.items():
        evidence_number = max(stone.evidence for stone in found)
        last = [stone for stone in found if stone.evidence == evidence_number]
        lost[day] = LostDay(
            source=source,
            day=day,
            classes=tuple(sorted(stone.retention_days for stone in last)),
            rows=live.get(day, 0),
            held=held[day],
            deleted_as_of=last[0].deleted_as_of.date(),
            evidence=evidence_number,
        )
    return lost


def expired_states(
    declarations: Declarations, store: Store, entries: Iterable[Entry], *, after: int
) -> Iterator[dg.AssetMaterialization]:
    """Yield what Dagster shows of days that lost rows: one event each.

    Args:
        entries: All evidence.
        after: Number of the last entry whose deletions are shown already.
    """
    known = {entry.seq: entry for entry in entries}
    for contract in declarations.contracts.values():
        if contract.kind is not Kind.EVENT:
            continue
        for day, lost in sorted(lost_days(store, contract.source).items()):
            if lost.evidence > after and DAYS.has_partition_key(day.isoformat()):
                yield dg.AssetMaterialization(
                    store_key(contract.source),
                    partition=day.isoformat(),
                    metadata=lost.metadata(known.get(lost.evidence)),
                )


def _rules(entry: Entry | None, lost: LostDay) -> list[str]:
    """Return the rules by which rows of a day were deleted, as the evidence records."""
    rows = entry.body.get("rows") if entry is not None else None
    listed = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return sorted(
        {
            str(row["rule"])
            for row in listed
            if (row["data_set"], row["to"]) == (lost.source, GONE)
            and row["window_days"] in (None, *lost.classes)
        }
    )
