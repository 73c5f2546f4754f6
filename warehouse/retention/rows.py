"""What becomes of each row of some files: one SQL for planning and for carrying out, so that they agree.

Rows are decided where they lie, in columns; what comes out of here are counts, or queries to write from.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from warehouse.errors import StoreError
from warehouse.ledger.parts import Part
from warehouse.retention.decisions import Verdict, Verdicts
from warehouse.retention.holds import first_hold_sql
from warehouse.retention.plan import CLASS, GONE, HOLD, STAY, Outcome, Reason
from warehouse.retention.rules import DataSet, Hold, Layout
from warehouse.store.connection import Engine, quoted
from warehouse.store.views import group_by_layout, read_parquet

_OWN_COLUMNS = "_path, _day, _days, _to, _reason, filename"
_VERDICTS = pa.schema(
    [
        ("workspace_id", pa.string()),
        ("days", pa.int32()),
        ("through", pa.date32()),
        ("is_ended", pa.bool_()),
        ("reason", pa.int32()),
    ]
)


@dataclass(frozen=True, slots=True)
class Case:
    """Some files of one data set and what decides about their rows.

    Attributes:
        holds: Active holds that may cover them, in order of preference.
        by_day: Reason given to rows that go because of their partition's class.
        month_window: Days after their own date that rows of ``MONTHS`` stay.
        released: The files are held ones whose hold has ended: every row goes, or to another hold.
    """

    data: DataSet
    verdicts: Verdicts
    holds: Sequence[Hold]
    as_of: datetime
    by_day: Reason
    month_window: int | None = None
    released: bool = False


class RowFates:
    """Decides rows on one connection; close it when done."""

    def __init__(self, engine: Engine, *, data: Path) -> None:
        self._engine = engine
        self._data = data
        self._connection = engine.cursor()

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """Where the queries of `select` run."""
        return self._connection

    def close(self) -> None:
        """Free the connection."""
        self._connection.close()

    def count(self, case: Case, parts: Sequence[Part]) -> dict[str, tuple[Outcome, ...]]:
        """Path → what becomes of the rows of that file.

        Raises:
            KeyringError: A key is missing.
            StoreError: A file cannot be read.
        """
        found: dict[str, list[Outcome]] = defaultdict(list)
        reasons = self._prepare(case, parts)
        for group in group_by_layout(parts).values():
            query = (
                f"select _path, _to, _reason, _day, count(*) from ({self._fates(case, group)}) "
                "group by all order by all"
            )
            for path, to, reason, day, rows in self._run(case, query).fetchall():
                found[path].append(Outcome(to, rows, _dated(reasons[reason], day)))
        return {path: tuple(outcomes) for path, outcomes in found.items()}

    def select(self, case: Case, part: Part, to: str) -> str:
        """A query for the rows of one file that go one way, in the order in which files are written.

        Valid until the next call: it reads a table of verdicts made for this file.
        """
        self._prepare(case, [part])
        return (
            f"select * exclude ({_OWN_COLUMNS}) from ({self._fates(case, [part])}) "
            f"where _to = {quoted(to)} order by workspace_id, received_at"
        )

    def _prepare(self, case: Case, parts: Sequence[Part]) -> list[Reason]:
        self._engine.add_keys(self._connection, (part.key_name for part in parts))
        reasons, rows = [case.by_day], []
        for workspace, verdict in case.verdicts.listed.items():
            rows.append(_row(workspace, verdict, len(reasons)))
            reasons.append(verdict.reason)
        if case.verdicts.default is not None:
            rows.append(_row(None, case.verdicts.default, len(reasons)))
            reasons.append(case.verdicts.default.reason)
        self._connection.register("verdicts", pa.Table.from_pylist(rows, schema=_VERDICTS))
        files = [
            {
                "file": str(self._data / part.path),
                "path": part.path,
                "day": part.event_date,
                "days": part.retention_days,
            }
            for part in parts
        ]
        schema = pa.schema(
            [("file", pa.string()), ("path", pa.string()), ("day", pa.date32()), ("days", pa.int32())]
        )
        self._connection.register("listed", pa.Table.from_pylist(files, schema=schema))
        return reasons

    def _fates(self, case: Case, parts: Sequence[Part]) -> str:
        scan = read_parquet(parts, data=self._data, key_name=parts[0].key_name, hive=False, filename=True)
        due = _due_sql(case)
        stays = "false" if case.released or case.data.layout is not Layout.DAYS else _moves_sql()
        return (
            "select r.*, l.path as _path, l.day as _day, l.days as _days, "
            f"coalesce(v.reason, d.reason, 0) as _reason, "
            f"case when {due} then coalesce({_hold_sql(case, parts)}, {quoted(GONE)}) "
            f"when {stays} then {quoted(CLASS)} || ' ' || coalesce(v.days, d.days) "
            f"else {quoted(STAY)} end as _to "
            f"from {scan} as r join listed as l on l.file = r.filename "
            "left join verdicts as v on v.workspace_id = r.workspace_id "
            "left join verdicts as d on d.workspace_id is null"
        )

    def _run(self, case: Case, query: str) -> duckdb.DuckDBPyConnection:
        try:
            return self._connection.execute(query)
        except duckdb.Error as error:
            raise StoreError(
                case.data.source, f"its rows could not be looked at ({type(error).__name__})"
            ) from None


def _due_sql(case: Case) -> str:
    if case.released:
        return "true"
    now = f"date '{case.as_of.date()}'"
    ended = "coalesce(v.is_ended, false)"
    match case.data.layout:
        case Layout.DAYS:
            # Without a word on the workspace the row is where it belongs, and the partition says it.
            general = f"date '{case.verdicts.through}'" if case.verdicts.through else f"{now} - l.days"
            return f"({ended} or l.day <= coalesce(v.through, d.through, {general}))"
        case Layout.MONTHS:
            past = "false"
            if case.month_window is not None:
                past = f"cast(r.{case.data.event_time} as date) + {case.month_window} <= {now}"
            return f"({ended} or {past})"
        case Layout.BUCKETS:
            # A hold outlives the account: it says what is still kept, and until when.
            return f"({ended} and r.expires_at <= timestamp '{case.as_of}')" if case.data.holds else ended


def _moves_sql() -> str:
    return "coalesce(v.days, d.days, l.days) <> l.days"


def _hold_sql(case: Case, parts: Sequence[Part]) -> str:
    """The first hold that covers a row, or null."""
    name = first_hold_sql(case.data, case.holds, present=parts[0].columns, row="r")
    return f"{quoted(HOLD)} || ' ' || ({name})"


def _row(workspace: str | None, verdict: Verdict, reason: int) -> dict[str, object]:
    return {
        "workspace_id": workspace,
        "days": verdict.days,
        "through": verdict.through,
        "is_ended": verdict.is_ended,
        "reason": reason,
    }


def _dated(reason: Reason, day: date | None) -> Reason:
    """The reason with the day on which a row of an event day was due."""
    if reason.due is not None or day is None or reason.window_days is None:
        return reason
    return replace(reason, due=day + timedelta(days=reason.window_days))
