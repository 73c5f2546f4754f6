"""Find slices that must not be built: they are released, or rows they need were deleted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb

from pipelines.declarations.calendar import CLOCK_SKEW_DAYS, TIME_ZONE_DAYS
from pipelines.declarations.contract import Contract, Kind, PolicyCategory, lateness_days
from pipelines.declarations.declarations import Declarations
from pipelines.declarations.errors import PipelineError
from warehouse.publishing.releases import released_periods
from warehouse.retention import records
from warehouse.store.session import open_warehouse_file
from warehouse.store.store import Store


@dataclass(frozen=True, slots=True)
class FrozenSlice:
    """A day that must not be built.

    Attributes:
        evidence: Number of the entry that proves the deletion; None where there is none.
        is_gap: Its slice was never built; otherwise it is in the cubes, complete.
        is_released: It may have been published.
    """

    day: date
    evidence: int | None
    is_gap: bool
    is_released: bool = False

    @property
    def is_whole(self) -> bool:
        """Return whether all its rows are there: its release alone freezes it."""
        return self.is_released and self.evidence is None


class FrozenSliceError(PipelineError):
    """Slices were to be built of days that are released, or lost rows."""

    def __init__(self, slices: Sequence[FrozenSlice]) -> None:
        first = slices[0]
        if first.is_gap:
            why = "rows of this day were deleted before its slice was built: it is a gap"
        elif first.evidence is not None:
            why = "rows that its slice was built from were deleted, and what is left would take its place"
        else:
            why = "its slice is released: built again, it would show who was erased or came late"
        proof = f" (evidence {first.evidence})" if first.evidence is not None else ""
        more = f" {len(slices) - 1} more day(s) up to {slices[-1].day} likewise." if slices[1:] else ""
        super().__init__(
            f"cubes, {first.day}: {why}{proof}.{more} Nothing was built, published slices stay as they are. "
            "Choose other days."
        )
        self.slices = tuple(slices)


def slice_sources(contracts: Mapping[str, Contract]) -> frozenset[str]:
    """Return the data sets that cubes are built from: message logs."""
    return frozenset(
        c.source
        for c in contracts.values()
        if c.kind is Kind.EVENT and c.policy is PolicyCategory.MESSAGE_LOG
    )


def frozen_slices(declarations: Declarations, store: Store, *, first: date, last: date) -> list[FrozenSlice]:
    """Find days from ``first`` to ``last`` that must not be built, oldest first. The caller holds the lock.

    A gap is never built, nor is a released slice. A slice that is in the cubes is not built again once any
    of the partitions that its messages and their events stand in has lost rows. A slice that was never
    built and is no gap has lost nothing but accounts that ended: it is built.
    """
    evidence = _evidence_by_day(declarations, store)
    gaps = set(records.gaps(store.ledger))
    frozen = released_periods(store.ledger, suffix="_daily")
    suspect = sorted(day for day in gaps | frozen | set(evidence) if first <= day <= last)
    built: frozenset[date] | None = None
    found = []
    for day in suspect:
        if day in gaps:
            found.append(FrozenSlice(day, evidence.get(day), is_gap=True))
            continue
        if day in frozen:
            found.append(FrozenSlice(day, evidence.get(day), is_gap=False, is_released=True))
            continue
        built = _built_days(store) if built is None else built
        if day in built or day <= (store.ledger.built_until() or date.min):
            found.append(FrozenSlice(day, evidence[day], is_gap=False))
    return found


def refuse_frozen_slices(
    declarations: Declarations, store: Store, *, first: date, last: date, may_be_released: bool = False
) -> None:
    """Refuse to build days that are released or lost rows.

    Args:
        may_be_released: Released days are built again on purpose (`pipelines/marts/reissue.py`).

    Raises:
        FrozenSliceError: There are some; names the first and the evidence of its deletion.
    """
    found = frozen_slices(declarations, store, first=first, last=last)
    if may_be_released:
        found = [each for each in found if not each.is_whole]
    if found:
        raise FrozenSliceError(found)


def refuse_frozen_month(store: Store, month: date) -> None:
    """Refuse to build a month that is released or has a gap.

    Args:
        month: Its first day.

    Raises:
        FrozenSliceError: It is; names the month, or the gap.
    """
    gaps = [day for day in records.gaps(store.ledger) if day.replace(day=1) == month]
    if gaps:
        raise FrozenSliceError([FrozenSlice(day, None, is_gap=True) for day in sorted(gaps)])
    if month in released_periods(store.ledger, suffix="_monthly"):
        raise FrozenSliceError([FrozenSlice(month, None, is_gap=False, is_released=True)])


def _evidence_by_day(declarations: Declarations, store: Store) -> dict[date, int]:
    """Return slice that a deletion touched → number of the last such deletion."""
    sources = slice_sources(declarations.contracts)
    reach = range(
        -CLOCK_SKEW_DAYS - TIME_ZONE_DAYS, lateness_days(declarations.contracts) + TIME_ZONE_DAYS + 1
    )
    evidence: dict[date, int] = {}
    for stone in records.tombstones(store.ledger):
        if stone.source in sources:
            for days in reach:
                day = stone.event_date - timedelta(days=days)
                evidence[day] = max(stone.evidence, evidence.get(day, stone.evidence))
    return evidence


def _built_days(store: Store) -> frozenset[date]:
    """Return the days that have a slice: Dagster may build ahead of `built_until`."""
    home = store.home
    if not home.warehouse_path.exists():
        return frozenset()
    with open_warehouse_file(home, keyring=store.keyring) as connection:
        try:
            rows = connection.execute(
                "select distinct send_date from warehouse.cubes.cube_campaign_daily"
            ).fetchall()
        except duckdb.CatalogException:
            return frozenset()
    return frozenset(day for (day,) in rows)
