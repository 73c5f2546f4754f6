"""Define what runs when: the inbox as files come, slices as days close, deletion every night."""

import hmac
import json
from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

import dagster as dg

from pipelines.orchestration.catch_up import CATCH_UP
from pipelines.orchestration.checks import (
    TAKEN_IN,
    evaluation,
    news,
    strays_result,
    taken_in_result,
    window_result,
)
from pipelines.orchestration.dbt_assets import DAILY, MONTHLY
from pipelines.orchestration.keys import (
    EVIDENCE,
    PUBLISHED,
    batches_key,
    day_range,
    inbox_key,
    values_stay_inside,
)
from pipelines.orchestration.reported import unseen
from pipelines.orchestration.resources import Warehouse
from pipelines.sources.inbox import Landed, feeds, landed_files, stray_files
from warehouse.keys.keyring import Purpose
from warehouse.ledger.requests import ERASING, Status, requests
from warehouse.publishing.publish import is_up_to_date
from warehouse.store.store import Store

if TYPE_CHECKING:
    # What `dg.define_asset_job` returns has no public name (Dagster 1.13).
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition as AssetJob,
    )

# One event per asset and day is logged: a long gap is built in several runs.
MOST_DAYS_PER_RUN = 31

_UNDER_WAY = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
)
_STRAY = "strays"


class Jobs(NamedTuple):
    """The jobs of assets, in the order in which data goes through them."""

    ingest: "AssetJob"
    retention: "AssetJob"
    marts: "AssetJob"
    months: "AssetJob"
    publish: "AssetJob"


def asset_jobs(feed_names: Iterable[str]) -> Jobs:
    """Put assets and the checks that guard them into jobs; each plans only what it will do."""
    published = dg.AssetSelection.assets(PUBLISHED)
    return Jobs(
        ingest=dg.define_asset_job(
            "ingest",
            selection=dg.AssetSelection.assets(*map(batches_key, feed_names)),
            description="Take in what waits in the inbox, then look at the store.",
        ),
        retention=dg.define_asset_job(
            "retention",
            selection=dg.AssetSelection.assets(EVIDENCE),
            description="Delete what is past its window, compact closed days, then look whether anything is "
            "left. An unusual amount waits for a person.",
        ),
        marts=dg.define_asset_job(
            "marts",
            selection=dg.AssetSelection.tag(DAILY, "") | published,
            description="Look whether the store is sound, build the chosen days of the cubes, publish.",
        ),
        months=dg.define_asset_job(
            "months",
            selection=dg.AssetSelection.tag(MONTHLY, "") | published,
            description="Build the chosen months of the cubes, whose days are there, and publish.",
        ),
        publish=dg.define_asset_job(
            "publish",
            selection=published,
            description="Check the threshold again, attack what is new, replace the published copy.",
        ),
    )


def retention_schedule(jobs: Jobs) -> dg.ScheduleDefinition:
    """Make the schedule of deletion, which waits for nothing."""
    return dg.ScheduleDefinition(
        name="retention_daily",
        job=jobs.retention,
        cron_schedule="0 3 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Deletes what is past its window, and checks that it is gone. It waits for no other run.",
    )


def sensors(jobs: Jobs) -> list[dg.SensorDefinition]:
    """Make the sensors, which start a run only where there is something to do, and say why there is none.

    Nothing is asked of an operator: they run unless somebody stops them.
    """
    return [_inbox_sensor(jobs), _requests_sensor(jobs), _nights_sensor(jobs)]


def _requests_sensor(jobs: Jobs) -> dg.SensorDefinition:
    @dg.sensor(
        name="requests",
        job=jobs.retention,
        minimum_interval_seconds=300,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Carries out erasures as soon as they are confirmed. It knows the numbers of requests, "
        "never whom they are about.",
    )
    def _requests(context: dg.SensorEvaluationContext, warehouse: Warehouse) -> dg.RunRequest | dg.SkipReason:
        if (busy := _busy(context.instance, jobs.retention.name, CATCH_UP)) is not None:
            return busy
        with values_stay_inside():
            due = requests(warehouse.runtime.store.ledger, statuses=[Status.VERIFIED], kinds=ERASING)
        if not due:
            return dg.SkipReason("No confirmed erasure waits.")
        return dg.RunRequest(run_key=" ".join(each.number for each in due))

    return _requests


def _inbox_sensor(jobs: Jobs) -> dg.SensorDefinition:
    @dg.sensor(
        name="inbox",
        job=jobs.ingest,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Takes in new files as they come, and once a day again those that failed. Names that "
        "begin with a dot are still being written. Tells of files in no feed's folder, and when red is over.",
    )
    def _inbox(context: dg.SensorEvaluationContext, warehouse: Warehouse) -> dg.SensorResult | dg.SkipReason:
        if (busy := _busy(context.instance, jobs.ingest.name, CATCH_UP)) is not None:
            return busy
        declarations, store = warehouse.runtime
        with values_stay_inside():
            landed = landed_files(store.home.inbox, declarations.contracts)
            state = _state(store, landed, str(warehouse.now().date()))
            strays = stray_files(store.home.inbox, declarations.contracts)
            state |= _state(store, [Landed(path, _STRAY, date.min) for path in strays], "")
            seen = json.loads(context.cursor or "{}")
            new = sorted(
                feed for feed, digest in state.items() if seen.get(feed) != digest and feed != _STRAY
            )
            # Of feeds of which no file waits: red is over, or comes from a command line. What stays in the
            # inbox was told by the run that left it.
            quiet = [
                taken_in_result(warehouse, feed, ())
                for feed in feeds(declarations.contracts)
                if feed not in state
            ]
            events = [evaluation(each) for each in news(context.instance, quiet)]
            if state.get(_STRAY) != seen.get(_STRAY):
                events.append(evaluation(strays_result(warehouse)))
        reason = f"{len(landed)} file(s) could not be taken in: see the last ingest run."
        return dg.SensorResult(
            # One run for all feeds, so that lookups are loaded before the events that need them.
            run_requests=[
                dg.RunRequest(
                    run_key="-".join(state[feed][:8] for feed in new),
                    asset_selection=[batches_key(feed) for feed in new],
                    asset_check_keys=[dg.AssetCheckKey(batches_key(feed), TAKEN_IN) for feed in new],
                )
            ]
            if new
            else [],
            skip_reason=None if new else (reason if landed else "The inbox is empty."),
            cursor=json.dumps(state),
            asset_events=[*(_observation(feed, landed) for feed in new), *events],
        )

    return _inbox


def _nights_sensor(jobs: Jobs) -> dg.SensorDefinition:
    @dg.sensor(
        name="closed_days",
        jobs=[jobs.retention, jobs.marts, jobs.months, jobs.publish],
        minimum_interval_seconds=120,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Does, one after the other, what is due: deletion that a night missed, days that closed, "
        "months that ended, publication. What failed is tried again the next day. Reports what was done by "
        "command lines.",
    )
    def _nights(context: dg.SensorEvaluationContext, warehouse: Warehouse) -> dg.SensorResult | dg.SkipReason:
        names = [job.name for job in jobs]
        if (busy := _busy(context.instance, *names, CATCH_UP)) is not None:
            return busy
        with values_stay_inside():
            due = next_work(warehouse)
            events = list(unseen(context.instance, *warehouse.runtime))
            generation = warehouse.runtime.store.ledger.generation()
        if due is None:
            reason = "All closed days and months are built and published; nothing is past its window."
            return dg.SensorResult(skip_reason=reason, asset_events=events)
        # The same is not tried again before the store has changed or a day has passed.
        key = f"{due.job} {due.periods} {generation} {warehouse.now().date()}"
        tags = day_range(*due.periods) if due.periods else {}
        request = dg.RunRequest(run_key=key, job_name=due.job, tags=tags)
        return dg.SensorResult(run_requests=[request], asset_events=events)

    return _nights


class Work(NamedTuple):
    """A job that is due, with the first and last of its periods, if it has some."""

    job: str
    periods: tuple[date, date] | None = None


def next_work(warehouse: Warehouse) -> Work | None:
    """Return what is due first: deletion, days, months, publication; None if nothing is."""
    declarations, store = warehouse.runtime
    if not all(window_result(warehouse, each).passed for each in declarations.contracts.values()):
        return Work("retention")
    if (days := next_slices(warehouse)) is not None:
        return Work("marts", days)
    if months := store.ledger.waiting_months():
        return Work("months", (months[0], months[0]))
    if store.ledger.built_until() and not is_up_to_date(store.home, store.ledger):
        return Work("publish")
    return None


def next_slices(warehouse: Warehouse) -> tuple[date, date] | None:
    """Return the first and last day of the slices to build next, with no gap between; None without any."""
    from pipelines.run import unbuilt_slices

    for first, end in unbuilt_slices(*warehouse.runtime, as_of=warehouse.now()):
        return first, min(end, first + timedelta(days=MOST_DAYS_PER_RUN - 1))
    return None


def _state(store: Store, landed: Iterable[Landed], day: str) -> dict[str, str]:
    """Return feed → digest of what waits there on a day; keyed, for a file's name may be personal."""
    key = store.keyring.get(Purpose.LEDGER, "inbox")
    listed: dict[str, list[str]] = {}
    for file in landed:
        stat = file.path.stat()
        listed.setdefault(file.feed, [day]).append(
            f"{file.path.name}\x1f{stat.st_size}\x1f{stat.st_mtime_ns}"
        )
    return {
        feed: hmac.digest(key, "\x1e".join(files).encode(), "sha256").hex() for feed, files in listed.items()
    }


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


def _busy(instance: dg.DagsterInstance, *names: str) -> dg.SkipReason | None:
    """Return why to wait: a run of one of some jobs is under way."""
    for run in instance.get_runs(dg.RunsFilter(statuses=list(_UNDER_WAY))):
        if run.job_name in names:
            return dg.SkipReason(f"A run of `{run.job_name}` is under way.")
    return None
