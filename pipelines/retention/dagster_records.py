"""Delete Dagster's records that are past their window: runs, events and logs, backfills.

Dagster 1.13 removes none of it by itself (its issue 15526), and what its `delete_run` leaves behind was
measured: the run's own event file, all results of its checks, and events reported without a run. So runs
are deleted by its API, and the rest in its SQLite files, which are then written anew without free pages.

What the UI shows of a partition is its last materialization; without it, the partition looks missing. So
the last ones are reported again, without a run, before they go: names and numbers, as they were.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.errors import LockedError
from warehouse.files import unlink_durably
from warehouse.home import Home
from warehouse.retention.files import RULE
from warehouse.retention.plan import FileItem, Reason

if TYPE_CHECKING:
    import dagster as dg

CATEGORY = "dagster_runs"

_LOCK_TIMEOUT_S = 60
_RUNLESS_ITEM = "events-without-run"
_BACKFILLS_ITEM = "backfills"
# Backfills that will not change any more.
_ENDED = "('COMPLETED', 'COMPLETED_SUCCESS', 'COMPLETED_FAILED', 'FAILED', 'CANCELED')"

# The last materialization of each asset and partition: what the UI shows.
_STATES = """
    select max(id) from event_logs where dagster_event_type = 'ASSET_MATERIALIZATION'
    group by asset_key, partition
"""


def due_runs(home: Home, *, days: int, as_of: datetime) -> list[FileItem]:
    """List Dagster's records that are past their window on the day of ``as_of`` (naive UTC), by name.

    Finished runs, one item each; events without a run and ended backfills, one item each for all. Ages
    are counted by the machine's clock, as those of files. Without Dagster's storage there is none, and
    Dagster is not imported.
    """
    if not _runs_path(home).exists():
        return []
    before = _midnight(as_of) - timedelta(days=days - 1)
    items = [
        _item(f"runs/{run_id}", _size(_events_path(home, run_id)), days, ended)
        for run_id, ended in _finished_runs(home, before)
    ]
    if size := _old_runless_bytes(home, before):
        items.append(_item(_RUNLESS_ITEM, size, days, None))
    if size := _old_backfill_bytes(home, before):
        items.append(_item(_BACKFILLS_ITEM, size, days, None))
    return sorted(items, key=lambda item: item.path)


def delete_runs(home: Home, items: Iterable[FileItem], *, days: int, as_of: datetime) -> int:
    """Delete those of some items that are there and still due; return how many.

    Safe to run again after a crash, and beside runs that are under way.

    Raises:
        LockedError: Another process kept Dagster's storage busy for a minute.
    """
    # By name: a file's size changes when SQLite tidies it.
    wanted = {item.path for item in items}
    due = [item for item in due_runs(home, days=days, as_of=as_of) if item.path in wanted]
    if not due and not _leftovers(home):
        return 0
    names = [item.path.removeprefix("dagster/") for item in due]
    run_ids = [name.removeprefix("runs/") for name in names if name.startswith("runs/")]
    before = _midnight(as_of) - timedelta(days=days - 1)
    with _busy_means_locked():
        old_before, last_id = "", 0
        if _RUNLESS_ITEM in names:
            old_before = _text(before)
            # What is reported again meanwhile is new, whatever the clock says.
            ((last_id,),) = _asked(_index_path(home), "select coalesce(max(id), 0) from event_logs")
        if run_ids or old_before:
            _delete_by_api(home, run_ids, old_before)
        _delete_events(home, old_before, last_id)
        if _BACKFILLS_ITEM in names:
            _delete_backfills(home, _text(before))
        leftovers = _leftovers(home)
        unlink_durably(*(p.with_name(p.name + end) for p in leftovers for end in ("", "-wal", "-shm")))
        # A freed page holds what was deleted, until its file is written anew.
        for path in (_index_path(home), _runs_path(home), _events_path(home, "")):
            if path.exists():
                with _opened(path) as connection:
                    connection.execute("vacuum")
                    connection.execute("pragma wal_checkpoint(truncate)")
    return len(due)


def _delete_by_api(home: Home, run_ids: Sequence[str], old_before: str) -> None:
    """Delete runs; keep the state of each asset and partition that goes with them, or with old events."""
    import dagster as dg

    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        for materialization in list(_last_materializations(home, run_ids, old_before)):
            instance.report_runless_asset_event(materialization)
        for run_id in run_ids:
            instance.delete_run(run_id)
            instance.compute_log_manager.delete_logs(prefix=[run_id])


def _last_materializations(
    home: Home, run_ids: Sequence[str], old_before: str
) -> Iterator["dg.AssetMaterialization"]:
    """Yield the last events of assets and partitions that are about to be deleted."""
    import dagster as dg
    from dagster._serdes import deserialize_value

    marks = ",".join("?" * len(run_ids))
    sql = (
        f"select event from event_logs where (run_id in ({marks}) or (run_id = '' and timestamp < ?)) "
        f"and id in ({_STATES}) order by id"
    )
    for (event,) in _asked(_index_path(home), sql, *run_ids, old_before):
        last = deserialize_value(event, dg.EventLogEntry).asset_materialization
        if last is not None:
            yield last


def _delete_events(home: Home, old_before: str, last_id: int) -> None:
    """Delete what the API leaves of runs that are gone, and old events without a run up to a number."""
    with _opened(_index_path(home)) as connection:
        connection.execute("attach ? as runs", (str(_runs_path(home)),))
        for table, time in (("event_logs", "timestamp"), ("asset_check_executions", "create_timestamp")):
            connection.execute(
                f"delete from {table} where run_id <> '' and run_id not in (select run_id from runs.runs)"
            )
            newest = "and id <= ?" if table == "event_logs" else "and ? > 0"
            connection.execute(
                f"delete from {table} where run_id = '' and {time} < ? {newest}", (old_before, last_id)
            )
        connection.execute("delete from asset_event_tags where event_id not in (select id from event_logs)")
    # Asset events are there twice; nothing but this file's own readers counts its numbers.
    if old_before and _events_path(home, "").exists():
        with _opened(_events_path(home, "")) as connection:
            connection.execute("delete from event_logs where timestamp < ?", (old_before,))


def _delete_backfills(home: Home, before: str) -> None:
    old = f"from bulk_actions where status in {_ENDED} and timestamp < ?"
    with _opened(_runs_path(home)) as connection:
        connection.execute(f"delete from backfill_tags where backfill_id in (select key {old})", (before,))
        connection.execute(f"delete {old}", (before,))


def _finished_runs(home: Home, before: datetime) -> list[tuple[str, date]]:
    sql = (
        "select run_id, update_timestamp from runs where status in ('SUCCESS', 'FAILURE', 'CANCELED') "
        "and update_timestamp < ? order by run_id"
    )
    rows = _asked(_runs_path(home), sql, _text(before))
    return [(run_id, datetime.fromisoformat(ended).date()) for run_id, ended in rows]


def _old_runless_bytes(home: Home, before: datetime) -> int:
    if not _index_path(home).exists():
        return 0
    sql = (
        "select coalesce((select sum(length(event)) from event_logs where run_id = '' and timestamp < ?), 0) "
        "+ (select count(*) from asset_check_executions where run_id = '' and create_timestamp < ?)"
    )
    return int(_asked(_index_path(home), sql, _text(before), _text(before))[0][0])


def _old_backfill_bytes(home: Home, before: datetime) -> int:
    sql = (
        f"select coalesce(sum(length(body)), 0) from bulk_actions where status in {_ENDED} and timestamp < ?"
    )
    return int(_asked(_runs_path(home), sql, _text(before))[0][0])


def _leftovers(home: Home) -> list[Path]:
    """Return event files whose run is gone. A run is on record before its first event is."""
    folder = _index_path(home).parent
    found = [path for path in folder.glob("*.db") if path.stem not in ("index", ".db")]
    if not found:
        return []
    known = {run_id for (run_id,) in _asked(_runs_path(home), "select run_id from runs")}
    return sorted(path for path in found if path.stem not in known)


def _asked(path: Path, sql: str, *values: object) -> list[tuple[Any, ...]]:
    with _opened(path) as connection:
        return connection.execute(sql, values).fetchall()


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(
        sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=_LOCK_TIMEOUT_S, isolation_level=None
        )
    ) as connection:
        yield connection


@contextmanager
def _busy_means_locked() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise
        raise LockedError("Dagster's storage") from None


def _item(name: str, size: int, days: int, ended: date | None) -> FileItem:
    due = ended + timedelta(days=days) if ended else None
    return FileItem(f"dagster/{name}", size, Reason(RULE, CATEGORY, days, None, due))


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _runs_path(home: Home) -> Path:
    return home.dagster / "storage" / "history" / "runs.db"


def _index_path(home: Home) -> Path:
    return _events_path(home, "index")


def _events_path(home: Home, run_id: str) -> Path:
    return home.dagster / "storage" / "history" / "runs" / f"{run_id}.db"


def _midnight(at: datetime) -> datetime:
    return datetime(at.year, at.month, at.day, tzinfo=UTC)


def _text(at: datetime) -> str:
    """Return a time as SQLAlchemy writes it into SQLite."""
    return at.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
