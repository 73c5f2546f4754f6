"""Count what the store holds of a workspace and a day, by partition: live, held, or not unlinked yet."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from datetime import date

import duckdb

from warehouse.errors import KeyringError
from warehouse.home import Home
from warehouse.keys.locks import reader_lease
from warehouse.ledger.ledger import Ledger
from warehouse.ledger.parts import Part
from warehouse.retention.apply import EXPIRED, REWRITTEN
from warehouse.retention.reasons import Found
from warehouse.retention.rules import DataSet, Layout
from warehouse.store.connection import Engine, identifier, number, without_values
from warehouse.store.views import raw_scan

# Why a file with deleted rows was removed; other files were replaced by files with the same rows.
_DELETED = (EXPIRED, REWRITTEN)


def presence(
    home: Home, *, ledger: Ledger, engine: Engine, data: DataSet, workspace: str, event_day: date
) -> list[Found]:
    """Count the rows of a workspace and, if the data set has days, of a day; by partitions that have any.

    Records in quarantine do not say whose they are: all of the day are counted.

    Raises:
        StoreError: A file could not be read.
    """
    place = _place(data, workspace, event_day)
    with reader_lease(home.locks, ledger.generation()):
        held = [part for part in ledger.held_parts() if part.source == data.source]
        parts = [*ledger.live_parts(data.source, under=place), *held]
        mine = [part for part in parts if _is_there(part, place)]
        problem = "its rows could not be counted"
        with without_values(data.source, problem), closing(engine.cursor()) as connection:
            counted = list(_counted(connection, engine, home, data, mine, workspace, event_day))
    waiting = _waiting(ledger, data, place)
    return [*counted, *(Found(data.source, partition, None, is_hidden=True) for partition in waiting)]


def _place(data: DataSet, workspace: str, day: date) -> str:
    """Return the beginning of the names of partitions in which such rows lie."""
    match data.layout:
        case Layout.DAYS:
            return f"event_date={day}/"
        case Layout.MONTHS:
            return f"month={day:%Y-%m}"
        case Layout.BUCKETS:
            return f"bucket={hashlib.md5(workspace.encode(), usedforsecurity=False).hexdigest()[:2]}"


def _is_there(part: Part, place: str) -> bool:
    own = part.partition.partition("/")[2] if part.hold is not None else part.partition
    return own.startswith(place)


def _counted(
    connection: duckdb.DuckDBPyConnection,
    engine: Engine,
    home: Home,
    data: DataSet,
    parts: Sequence[Part],
    workspace: str,
    day: date,
) -> Iterator[Found]:
    by_partition: dict[tuple[str, str | None], list[Part]] = defaultdict(list)
    for part in parts:
        by_partition[part.partition, part.hold].append(part)
    for (partition, hold), files in sorted(by_partition.items()):
        rows: int | None = None
        with suppress(KeyringError):
            if "workspace_id" not in data.columns:
                rows = sum(part.rows for part in files)
            else:
                engine.add_keys(connection, (part.key_name for part in files))
                rows = _count(connection, home, data, files, workspace, day)
        if rows != 0:
            yield Found(data.source, partition, rows, hold)


def _count(
    connection: duckdb.DuckDBPyConnection,
    home: Home,
    data: DataSet,
    files: Sequence[Part],
    workspace: str,
    day: date,
) -> int:
    columns, conditions, values = ["workspace_id"], ["workspace_id = ?"], [workspace]
    if data.layout is Layout.MONTHS and data.event_time is not None:
        columns.append(data.event_time)
        conditions.append(f"cast({identifier(data.event_time)} as date) = cast(? as date)")
        values.append(day.isoformat())
    scan = raw_scan(files, data=home.data, columns=columns)
    return number(connection, f"select count(*) from ({scan}) where {' and '.join(conditions)}", values)


def _waiting(ledger: Ledger, data: DataSet, place: str) -> list[str]:
    """Return the partitions of files that are deleted but not unlinked yet."""
    rows = ledger.read(
        "select distinct partition from parts where source = ? and removed is not null "
        f"and unlinked_at is null and removed_why in ({', '.join('?' * len(_DELETED))}) order by partition",
        *(data.source, *_DELETED),
    )
    return [r["partition"] for r in rows if r["partition"].startswith(place)]
