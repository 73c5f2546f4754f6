"""Define what runs when: the inbox as files come, slices as days close, deletion every night."""

import hmac
import json
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import dagster as dg

from pipelines.declarations.declarations import Declarations
from pipelines.orchestration.keys import (
    FIRST_DAY,
    MARTS_JOB,
    batches_key,
    day_range,
    inbox_key,
    published_key,
    retention_key,
    store_key,
    values_stay_inside,
)
from pipelines.orchestration.resources import Warehouse
from pipelines.orchestration.retention_checks import WINDOW_CHECK
from pipelines.run import unbuilt_slices
from pipelines.sources.inbox import Landed, feeds, landed_files
from warehouse.keys.keyring import Purpose
from warehouse.store.store import Store

if TYPE_CHECKING:
    # What `dg.define_asset_job` returns has no public name (Dagster 1.13).
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition as AssetJob,
    )

# One event per asset and day is logged: a long gap is built in several runs.
MOST_DAYS_PER_RUN = 31

_RUNNING = dg.DefaultSensorStatus.RUNNING
_SCHEDULED = dg.DefaultScheduleStatus.RUNNING
_UNDER_WAY = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
)


class Jobs(NamedTuple):
    """The jobs, in the order in which data goes through them."""

    ingest: "AssetJob"
    marts: "AssetJob"
    publish: "AssetJob"
    retention: "AssetJob"
    close: dg.JobDefinition


def asset_jobs(
    *,
    sources: Iterable[str],
    feed_names: Iterable[str],
    built: Sequence[dg.AssetsDefinition],
    thresholds: Sequence[dg.AssetChecksDefinition],
    proofs: Sequence[dg.AssetChecksDefinition],
    close: dg.JobDefinition,
) -> Jobs:
    """Put assets and the checks that guard them into jobs.

    Args:
        built: The assets that dbt builds.
        thresholds: The checks that published tables must pass.
        proofs: The checks that show what retention did, and what it is about to do.
    """
    store = [store_key(source) for source in sources]
    return Jobs(
        ingest=dg.define_asset_job(
            "ingest",
            selection=dg.AssetSelection.assets(*map(batches_key, feed_names))
            | dg.AssetSelection.checks_for_assets(*store),
            description="Take in what waits in the inbox, then check the store.",
        ),
        marts=dg.define_asset_job(
            MARTS_JOB,
            selection=dg.AssetSelection.assets(*store, *built),
            description="Compact closed days, check the store, build slices and marts, check them too.",
        ),
        publish=dg.define_asset_job(
            "publish",
            selection=dg.AssetSelection.assets(published_key()) | dg.AssetSelection.checks(*thresholds),
            description="Check the thresholds again, then replace the published copy.",
        ),
        retention=dg.define_asset_job(
            "retention",
            selection=dg.AssetSelection.assets(retention_key()) | dg.AssetSelection.checks(*proofs),
            description="Delete what is past its window, compact closed days, then look whether anything is "
            "left. An unusual amount waits for a person.",
        ),
        close=close,
    )


def schedules(jobs: Jobs) -> list[dg.ScheduleDefinition]:
    """Make the schedules: ingestion every hour; slices, publishing, deletion every night (UTC).

    Nothing is asked of an operator: they run unless somebody stops them.
    """
    scheduled = partial(dg.schedule, execution_timezone="UTC", default_status=_SCHEDULED)

    @scheduled(
        name="ingest_hourly",
        job=jobs.ingest,
        cron_schedule="17 * * * *",
        description="Takes in all that waits, also files that failed before.",
    )
    def _ingest(context: dg.ScheduleEvaluationContext, warehouse: Warehouse) -> dg.RunRequest | dg.SkipReason:
        with values_stay_inside():
            waiting = sorted({file.feed for file in _waiting(*warehouse.runtime)})
        if not waiting:
            return dg.SkipReason("The inbox is empty.")
        return _busy(context.instance, jobs.ingest.name) or _ingest_request(
            warehouse.runtime.declarations, waiting
        )

    @scheduled(
        name="marts_daily",
        job=jobs.marts,
        cron_schedule="0 1 * * *",
        description="Builds every slice that closed and is not built; tries failed ones again.",
    )
    def _marts(context: dg.ScheduleEvaluationContext, warehouse: Warehouse) -> dg.RunRequest | dg.SkipReason:
        with values_stay_inside():
            days = next_slices(warehouse)
        if days is None:
            return dg.SkipReason("All slices that closed are built.")
        return _busy(context.instance, jobs.marts.name) or dg.RunRequest(tags=day_range(*days))

    @scheduled(
        name="publish_daily",
        job=jobs.publish,
        cron_schedule="0 2 * * *",
        description="Replaces the published copy.",
    )
    def _publish(warehouse: Warehouse) -> dg.RunRequest | dg.SkipReason:
        with values_stay_inside():
            built = warehouse.runtime.store.ledger.built_until()
        return dg.RunRequest() if built else dg.SkipReason("No slice is built yet.")

    retention = dg.ScheduleDefinition(
        name="retention_daily",
        job=jobs.retention,
        cron_schedule="0 3 * * *",
        execution_timezone="UTC",
        default_status=_SCHEDULED,
        description="Deletes what is past its window, and checks that it is gone. It waits for no other run.",
    )
    return [_ingest, _marts, _publish, retention]


def sensors(jobs: Jobs) -> list[dg.SensorDefinition]:
    """Make the sensors, which do what can be done at once."""
    return [_inbox_sensor(jobs), _closed_days_sensor(jobs)]


def _inbox_sensor(jobs: Jobs) -> dg.SensorDefinition:
    @dg.sensor(
        name="inbox",
        job=jobs.ingest,
        minimum_interval_seconds=60,
        default_status=_RUNNING,
        description="Takes in new files as they come. Names that begin with a dot are still being written.",
    )
    def _inbox(context: dg.SensorEvaluationContext, warehouse: Warehouse) -> dg.SensorResult | dg.SkipReason:
        runtime = warehouse.runtime
        with values_stay_inside():
            landed = _waiting(*runtime)
            state = _state(runtime.store, landed)
        seen = json.loads(context.cursor or "{}")
        new = sorted(feed for feed, digest in state.items() if seen.get(feed) != digest)
        if not new:
            reason = f"{len(landed)} file(s) could not be taken in: see the last ingest run."
            return dg.SkipReason(reason if landed else "The inbox is empty.")
        if (busy := _busy(context.instance, jobs.ingest.name)) is not None:
            return busy
        return dg.SensorResult(
            run_requests=[
                _ingest_request(runtime.declarations, new, run_key="-".join(state[feed][:8] for feed in new))
            ],
            cursor=json.dumps(state),
            asset_events=[_observation(feed, landed) for feed in new],
        )

    return _inbox


def _closed_days_sensor(jobs: Jobs) -> dg.SensorDefinition:
    @dg.sensor(
        name="closed_days",
        jobs=[jobs.marts, jobs.close],
        minimum_interval_seconds=300,
        default_status=_RUNNING,
        description="Builds slices that closed, and compacts closed days that got late rows. "
        "Open days need nothing: their views read the store as it is.",
    )
    def _closed_days(
        context: dg.SensorEvaluationContext, warehouse: Warehouse
    ) -> dg.RunRequest | dg.SkipReason:
        runtime = warehouse.runtime
        with values_stay_inside():
            days = next_slices(warehouse)
            generation = runtime.store.ledger.generation()
            built = runtime.store.ledger.built_until()
            late = sum(built is not None and day <= built for _, day in runtime.store.ledger.dirty_days())
        if days is not None:
            # The same slices are not tried again before the store has changed: the schedule does that.
            return _busy(context.instance, jobs.marts.name) or dg.RunRequest(
                run_key=f"marts {days[0]} {days[1]} {generation}",
                job_name=jobs.marts.name,
                tags=day_range(*days),
            )
        if late:
            return dg.RunRequest(run_key=f"close {generation}", job_name=jobs.close.name)
        return dg.SkipReason("All closed days are built and compacted.")

    return _closed_days


def next_slices(warehouse: Warehouse) -> tuple[date, date] | None:
    """Return the first and last day of the slices to build next, with no gap between; None without any."""
    for begin, end in unbuilt_slices(*warehouse.runtime, as_of=warehouse.now()):
        first = max(begin, date.fromisoformat(FIRST_DAY))
        last = min(end, first + timedelta(days=MOST_DAYS_PER_RUN - 1))
        if first <= last:
            return first, last
    return None


def _waiting(declarations: Declarations, store: Store) -> list[Landed]:
    return landed_files(store.home.inbox, declarations.contracts)


def _state(store: Store, landed: Iterable[Landed]) -> dict[str, str]:
    """Return feed → digest of what waits there; keyed, for a file's name may be personal."""
    key = store.keyring.get(Purpose.LEDGER, "inbox")
    listed: dict[str, list[str]] = {}
    for file in landed:
        stat = file.path.stat()
        listed.setdefault(file.feed, []).append(f"{file.path.name}\x1f{stat.st_size}\x1f{stat.st_mtime_ns}")
    return {
        feed: hmac.digest(key, "\x1e".join(files).encode(), "sha256").hex() for feed, files in listed.items()
    }


def _ingest_request(
    declarations: Declarations, names: Sequence[str], *, run_key: str | None = None
) -> dg.RunRequest:
    """Request one run for all feeds, so that lookups are loaded before the events that need them."""
    contracts = feeds(declarations.contracts)
    return dg.RunRequest(
        run_key=run_key,
        asset_selection=[batches_key(feed) for feed in names],
        asset_check_keys=[
            dg.AssetCheckKey(store_key(contract.source), check)
            for feed in names
            for contract in contracts[feed]
            for check in ("contract", "reconciliation", "freshness", WINDOW_CHECK)
        ],
    )


def _observation(feed: str, landed: Iterable[Landed]) -> dg.AssetObservation:
    files = [file for file in landed if file.feed == feed]
    return dg.AssetObservation(
        inbox_key(feed),
        metadata={
            "files_waiting": len(files),
            "bytes_waiting": sum(file.path.stat().st_size for file in files),
            "oldest_arrival": str(min(file.arrival for file in files)),
        },
    )


def _busy(instance: dg.DagsterInstance, job_name: str) -> dg.SkipReason | None:
    under_way = instance.get_runs(dg.RunsFilter(job_name=job_name, statuses=list(_UNDER_WAY)), limit=1)
    return dg.SkipReason(f"A run of `{job_name}` is under way.") if under_way else None
