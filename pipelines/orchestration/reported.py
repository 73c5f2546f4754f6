"""Report to Dagster what was done elsewhere, by a command line or beside a run.

Until where the ledger was reported is noted among Dagster's cursors, so that nothing is told twice.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg

from pipelines.declarations.contract import Contract, Kind
from pipelines.declarations.declarations import Declarations
from pipelines.orchestration.keys import EVIDENCE, MONTHS, PUBLISHED, batches_key, store_key
from warehouse.ledger.batches import Count
from warehouse.publishing.publish import is_up_to_date
from warehouse.retention import evidence, records
from warehouse.retention.evidence import Entry
from warehouse.retention.plan import GONE
from warehouse.retention.records import Tombstone
from warehouse.store.store import Store

# Metadata of a store partition.
STATE, EXPIRED, PARTLY = "state", "expired", "partly expired"
# Metadata of the evidence: its last entry.
ENTRY = "last_entry"
# The build's own note in the warehouse file (`pipelines/marts/build.py`).
_NOTE_OF_PROJECT = ("reference", "project")
# Names of Dagster's cursors: up to which generation the ledger was told, and which state of the databases.
_STORE, _FILES = "wasms/store", "wasms/files"


def report_to(folder: Path, declarations: Declarations, store: Store) -> None:
    """Report all that the Dagster of a folder has not seen."""
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        report_unseen(instance, declarations, store)


def report_unseen(instance: dg.DagsterInstance, declarations: Declarations, store: Store) -> int:
    """Report, without a run, all that Dagster has not seen; return how many events that were."""
    events = list(unseen(instance, declarations, store))
    for event in events:
        instance.report_runless_asset_event(event)
    return len(events)


def unseen(
    instance: dg.DagsterInstance, declarations: Declarations, store: Store
) -> Iterator[dg.AssetMaterialization]:
    """Yield what batches, store, slices, views, publication and evidence are and Dagster does not show."""
    yield from batch_changes(instance, store)
    yield from store_changes(instance, declarations, store)
    state = f"{_state(store)} {evidence.last_number(store.ledger)}"
    if _noted(instance, _FILES) == state:
        return
    yield from _slices(instance, store)
    yield from _tables(instance, store)
    yield from _evidence(instance, store)
    _note(instance, _FILES, state)


def store_changes(
    instance: dg.DagsterInstance, declarations: Declarations, store: Store
) -> Iterator[dg.AssetMaterialization]:
    """Yield what changed in the store since it was last told: each data set and event day with its rows.

    A day that lost rows says by which rule.
    """
    since, generation = int(_noted(instance, _STORE) or 0), store.ledger.generation()
    days: dict[str, set[date]] = defaultdict(set)
    for source, day in store.ledger.changed_since(since):
        days[source] |= {day} if day else set()
    entries = {entry.seq: entry for entry in evidence.entries(store.ledger)} if days else {}
    for source in sorted(days.keys() & declarations.contracts.keys()):
        contract = declarations.contracts[source]
        if contract.kind is Kind.ENTITY:
            rows = sum(part.rows for part in store.ledger.live_parts(source))
            yield dg.AssetMaterialization(store_key(source), metadata={"dagster/row_count": rows})
        else:
            yield from _days(store, contract, days[source], entries)
    _note(instance, _STORE, str(generation))


def _days(
    store: Store, contract: Contract, days: Iterable[date], entries: Mapping[int, Entry]
) -> Iterator[dg.AssetMaterialization]:
    live, lost = dict(store.ledger.live_days(contract.source)), lost_days(store, contract.source)
    for day in sorted(days):
        metadata: dict[str, str | int] = {"dagster/partition_row_count": live.get(day, 0)}
        if day in lost:
            metadata = lost[day].metadata(entries.get(lost[day].evidence))
        elif day not in live:
            continue  # a day without rows is no partition that was made
        yield dg.AssetMaterialization(
            store_key(contract.source), partition=day.isoformat(), metadata=metadata
        )


def outcomes_of(counts: Iterable[Count]) -> Counter[str]:
    """Return rows by data set, outcome and reason, in words."""
    found: Counter[str] = Counter()
    for count in counts:
        found[" ".join(filter(None, (count.source, count.outcome, count.reason)))] += count.rows
    return found


def batch_changes(instance: dg.DagsterInstance, store: Store) -> Iterator[dg.AssetMaterialization]:
    """Yield what batches came since the store was last told; `store_changes` moves that mark."""
    for feed, counts in store.ledger.counts_since(int(_noted(instance, _STORE) or 0)).items():
        outcomes = dict(sorted(outcomes_of(counts).items()))
        yield dg.AssetMaterialization(
            batches_key(feed), metadata={"outcomes": dg.MetadataValue.json(outcomes)}
        )


def _slices(instance: dg.DagsterInstance, store: Store) -> Iterator[dg.AssetMaterialization]:
    """Yield slices of cubes that Dagster does not show."""
    shown: dict[str, set[str]] = {}
    for (cube, period), rows in sorted(slice_rows(store).items()):
        key = dg.AssetKey(["cubes", cube])
        if cube not in shown:
            shown[cube] = set(instance.get_materialized_partitions(key))
        if period.isoformat() not in shown[cube]:
            yield dg.AssetMaterialization(
                key, partition=period.isoformat(), metadata={"dagster/partition_row_count": rows}
            )


def slice_rows(store: Store) -> dict[tuple[str, date], int]:
    """Return cube and period → rows, of all slices in the warehouse file."""
    from warehouse.publishing.releases import rows_in
    from warehouse.store.session import open_session

    if not store.home.warehouse_path.exists():
        return {}
    with open_session(store.home, schemas={}, read_only=True) as connection:
        return rows_in(connection)


def _tables(instance: dg.DagsterInstance, store: Store) -> Iterator[dg.AssetMaterialization]:
    """Yield views and tables that were made since Dagster was told of them, and the published copy."""
    from pipelines.marts.dbt_runs import project_digest
    from warehouse.store.session import open_session

    if not store.home.warehouse_path.exists():
        return
    digest = project_digest()[:16]
    with open_session(store.home, schemas={}, read_only=True) as connection:
        names = connection.execute(
            "select distinct schema_name, table_name from duckdb_columns() where database_name = 'warehouse' "
            "and schema_name in ('reference', 'staging', 'intermediate', 'restricted', 'marts') order by all"
        ).fetchall()
    found = [MONTHS, *(dg.AssetKey(name) for name in names if name != _NOTE_OF_PROJECT)]
    last = _last(instance, [*found, PUBLISHED])
    for key in found:
        told = last.get(key)
        if told is None or told[1].get("project") != dg.MetadataValue.text(digest):
            yield dg.AssetMaterialization(key, metadata={"project": digest})
    path = store.home.published_path
    told = last.get(PUBLISHED)
    is_new = path.exists() and (told is None or told[0] < path.stat().st_mtime)
    if is_new and is_up_to_date(store.home, store.ledger):
        yield dg.AssetMaterialization(PUBLISHED, metadata={"bytes": path.stat().st_size})


def _evidence(instance: dg.DagsterInstance, store: Store) -> Iterator[dg.AssetMaterialization]:
    number = evidence.last_number(store.ledger)
    told = _last(instance, [EVIDENCE]).get(EVIDENCE)
    if number and (told is None or told[1].get(ENTRY) != dg.MetadataValue.int(number)):
        yield dg.AssetMaterialization(EVIDENCE, metadata={ENTRY: number})


def _last(
    instance: dg.DagsterInstance, keys: Iterable[dg.AssetKey]
) -> dict[dg.AssetKey, tuple[float, Mapping[str, dg.MetadataValue]]]:
    """Return the time and the metadata of the last materialization of each asset that has one."""
    found = {}
    for record in instance.get_asset_records(list(keys)):
        event = record.asset_entry.last_materialization
        if event is not None and event.asset_materialization is not None:
            found[record.asset_entry.asset_key] = (event.timestamp, event.asset_materialization.metadata)
    return found


def _state(store: Store) -> str:
    from warehouse.files import state_of

    paths = (store.home.warehouse_path, store.home.published_path)
    return " ".join(state_of(path) if path.exists() else "-" for path in paths)


def _noted(instance: dg.DagsterInstance, name: str) -> str | None:
    return instance.daemon_cursor_storage.get_cursor_values({name}).get(name)


def _note(instance: dg.DagsterInstance, name: str, value: str) -> None:
    instance.daemon_cursor_storage.set_cursor_values({name: value})


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
