"""Run the main job: load the inbox in order of arrival, build, publish, delete."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from itertools import groupby
from time import monotonic
from typing import TYPE_CHECKING

from anonymizers.errors import AnonymizerError
from pipelines.declarations.calendar import days_of_partition, last_closed_day, month_end, runs_of
from pipelines.declarations.contract import lateness_days
from pipelines.declarations.declarations import Declarations
from pipelines.declarations.errors import PipelineError
from pipelines.ingestion.options import Options
from pipelines.marts.build import build, build_month
from pipelines.marts.frozen import FrozenSliceError
from pipelines.marts.release import release_and_publish
from pipelines.marts.release_report import measured_utility
from pipelines.retention.closing import close_days
from pipelines.retention.plan import plan_retention
from pipelines.sources.inbox import Landed, feeds, landed_files
from pipelines.windows.completeness import loses_rows
from warehouse.errors import WarehouseError
from warehouse.progress import Progress, silent
from warehouse.publishing.publish import Published
from warehouse.publishing.releases import released_periods
from warehouse.retention import records
from warehouse.retention.plan import GONE
from warehouse.store.store import Store

if TYPE_CHECKING:
    from pipelines.disclosure.utility import Variant
    from pipelines.ingestion.ingest import Ingested


@dataclass(slots=True)
class RunSummary:
    """The result of a run; ``failed`` says of each file that was not loaded why."""

    ingested: list["Ingested"] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    rows_deleted: int = 0
    slices: list[tuple[date, date]] = field(default_factory=list)
    published: Published | None = None
    utility: "Variant | None" = None
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the wall-clock time of what runs inside to a stage."""
        started = monotonic()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + monotonic() - started


def run(
    declarations: Declarations,
    store: Store,
    *,
    options: Options,
    from_day: date | None = None,
    to_day: date | None = None,
    progress: Progress = silent,
) -> RunSummary:
    """Load files by arrival day, build the slices that closed, publish, delete what expired.

    The clock walks through the arrival days up to ``options.as_of``, so that a year of files goes
    through the same windows as it would have day by day. Marts are built before anything they need
    expires, and at the end; what is due is deleted also if that fails.

    Args:
        from_day, to_day: Arrival days to take, both inclusive; None = all that waits.
    """
    store.ledger.check_clock(options.as_of)
    waiting = _waiting(declarations, store, from_day, to_day)
    summary = RunSummary()
    done = 0
    for arrival, group in groupby(waiting, key=lambda landed: landed.arrival):
        # The day is over when its files are taken.
        clock = min(datetime.combine(arrival + timedelta(days=1), time()), options.as_of)
        clock = store.ledger.no_earlier(clock)
        with _deleting_afterwards(declarations, store, clock, summary):
            if _loses_unbuilt_rows(declarations, store, clock):
                build_closed(declarations, store, clock, summary, progress)
            for landed in group:
                progress("ingest", done, len(waiting))
                with summary.timed(f"ingest {landed.feed}"):
                    _ingest(declarations, store, landed, replace(options, as_of=clock), summary)
                done += 1
    progress("ingest", done, len(waiting))
    store.ledger.advance_clock(options.as_of)
    with _deleting_afterwards(declarations, store, options.as_of, summary):
        build_closed(declarations, store, options.as_of, summary, progress)
        # Before the first day has closed there is nothing to publish.
        if store.home.warehouse_path.exists():
            with summary.timed("publish"):
                released = release_and_publish(store)
            summary.published = released.published
            if released.days:
                with summary.timed("utility"):
                    summary.utility = measured_utility(declarations, store, released.days)
    return summary


@contextmanager
def _deleting_afterwards(
    declarations: Declarations, store: Store, as_of: datetime, summary: RunSummary
) -> Iterator[None]:
    """Delete what is due after what stands within, also if that fails: deletion waits for nothing."""
    try:
        yield
    finally:
        with summary.timed("close"):
            # Another run may have gone on to a later day meanwhile.
            summary.rows_deleted += close_days(declarations, store, as_of=store.ledger.no_earlier(as_of))


def _ingest(
    declarations: Declarations, store: Store, landed: Landed, options: Options, summary: RunSummary
) -> None:
    from pipelines.ingestion.ingest import ingest_file

    contracts = feeds(declarations.contracts)[landed.feed]
    try:
        result = ingest_file(declarations, store, landed.path, contracts=contracts, options=options)
    except (PipelineError, AnonymizerError, WarehouseError) as error:
        # It stays in the inbox; one bad file must not keep the others waiting.
        summary.failed.append(f"{landed.feed}/{landed.path.name}: {error}")
    else:
        summary.ingested.append(result)


@dataclass(frozen=True, slots=True)
class RunPlan:
    """The work that a run would begin with; files it loads may add slices to build.

    Attributes:
        waiting: Feed → files.
        slices: First and last day of each range to build from what is in the store already.
        expiring: Data set → rows that are due to be deleted.
    """

    waiting: Mapping[str, int]
    slices: list[tuple[date, date]]
    expiring: Mapping[str, int]


def plan_run(
    declarations: Declarations,
    store: Store,
    *,
    as_of: datetime,
    from_day: date | None = None,
    to_day: date | None = None,
) -> RunPlan:
    """Plan what `run` would do with the same arguments; changes nothing."""
    expiring: Counter[str] = Counter()
    for (source, to, _), rows in plan_retention(declarations, store, as_of=as_of).plan.rows_by().items():
        if to == GONE:
            expiring[source] += rows
    return RunPlan(
        waiting=Counter(landed.feed for landed in _waiting(declarations, store, from_day, to_day)),
        slices=unbuilt_slices(declarations, store, as_of=as_of),
        expiring=expiring,
    )


def _waiting(
    declarations: Declarations, store: Store, from_day: date | None, to_day: date | None
) -> list[Landed]:
    return [
        landed
        for landed in landed_files(store.home.inbox, declarations.contracts)
        if (from_day is None or landed.arrival >= from_day) and (to_day is None or landed.arrival <= to_day)
    ]


def unbuilt_slices(declarations: Declarations, store: Store, *, as_of: datetime) -> list[tuple[date, date]]:
    """Return the first and last day of each range of closed slices that are not built, oldest first.

    Between the ranges lie days that are never built: gaps, whose rows were deleted before, and released days,
    which come after others where the clock was set back.
    """
    first = _first_unbuilt(declarations, store)
    last = last_closed_day(as_of, lateness_days=lateness_days(declarations.contracts))
    if first is None:
        return []
    released = released_periods(store.ledger, suffix="_daily")
    return runs_of(set(_days(first, last)) - released - set(records.gaps(store.ledger)))


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def note_built_days(store: Store, first: date, last: date) -> None:
    """Record that days are in the cubes; months that end among them wait to be built, if they have no gap."""
    ended = {day.replace(day=1) for day in _days(first, last) if day == month_end(day)}
    ended -= {day.replace(day=1) for day in records.gaps(store.ledger)}
    store.ledger.set_waiting_months({*store.ledger.waiting_months(), *ended})
    store.ledger.set_built_until(last)


def build_months(store: Store, months: Iterable[date]) -> dict[str, str]:
    """Build months, which then wait no more; return the status of each model and test by name."""
    outcomes: dict[str, str] = {}
    for month in months:
        outcomes |= build_month(store, month).outcomes
        store.ledger.set_waiting_months({*store.ledger.waiting_months()} - {month})
    return outcomes


def build_closed(
    declarations: Declarations,
    store: Store,
    as_of: datetime,
    summary: RunSummary,
    progress: Progress = silent,
) -> None:
    """Build every closed slice that is not built yet and is no gap."""
    build_months(store, store.ledger.waiting_months())
    ranges = unbuilt_slices(declarations, store, as_of=as_of)
    if not ranges:
        return
    total = sum((last - first).days + 1 for first, last in ranges)
    done = 0
    progress("build", done, total)
    # Ingestion and dbt take turns, so that the memory of one is enough.
    store.engine.release()
    while ranges:
        first, last = ranges[0]

        def of_all(stage: str, built: int, _total: int | None, before: int = done) -> None:
            progress(stage, min(before + built, total), total)

        try:
            with summary.timed("build"):
                build(declarations, store, from_day=first, to_day=last, progress=of_all)
        except FrozenSliceError:
            # Another run may have built and released some of them meanwhile.
            if (left := unbuilt_slices(declarations, store, as_of=as_of)) == ranges:
                raise
            ranges = left
            continue
        store.ledger.set_built_until(last)
        summary.slices.append((first, last))
        done += (last - first).days + 1
        progress("build", done, total)
        ranges = ranges[1:]


def _loses_unbuilt_rows(declarations: Declarations, store: Store, as_of: datetime) -> bool:
    """Return whether rows of a day or of a month that is not built are due to be deleted."""
    first, windows = _first_unbuilt(declarations, store), declarations.policy.windows_days
    # A plan takes longer to make: only where a row is old enough for the shortest window can it say more.
    if first is None or min(days_of_partition(first)) > as_of.date() - timedelta(days=min(windows)):
        return False
    lateness = lateness_days(declarations.contracts)
    if loses_rows(first.replace(day=1), as_of.date(), windows=windows, lateness_days=lateness):
        return True
    return bool(plan_retention(declarations, store, as_of=as_of).plan.gaps)


def _first_unbuilt(declarations: Declarations, store: Store) -> date | None:
    built = store.ledger.built_until()
    stored = {day for contract in declarations.contracts for day, _ in store.ledger.live_days(contract)}
    days = {day for partition in stored for day in days_of_partition(partition)}
    return min((day for day in days if built is None or day > built), default=None)
