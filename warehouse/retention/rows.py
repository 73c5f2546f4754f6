"""Decide what happens to each row of some files, by the same SQL for planning and for carrying out.

Rows are decided where they lie, in columns; what comes out of here are counts, or queries to write from.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from warehouse.ledger.parts import Part
from warehouse.retention.decisions import Decision, Decisions
from warehouse.retention.holds import first_hold_sql
from warehouse.retention.plan import CLASS, ERASURE, GONE, HOLD, STAY, Outcome, Reason
from warehouse.retention.rules import DataSet, Erasure, Hold, Layout
from warehouse.store.connection import Engine, identifier, quoted, without_values
from warehouse.store.views import group_by_layout, read_parquet

_OWN_COLUMNS = "_path, _day, _days, _to, _reason, filename"
_DECISIONS = pa.schema(
    [
        ("workspace_id", pa.string()),
        ("days", pa.int32()),
        ("through", pa.date32()),
        ("is_ended", pa.bool_()),
        ("reason", pa.int32()),
    ]
)
_ERASED = pa.schema([("scope", pa.string()), ("token", pa.string()), ("reason", pa.int32())])
_FILES = pa.schema([("file", pa.string()), ("path", pa.string()), ("day", pa.date32()), ("days", pa.int32())])


@dataclass(frozen=True, slots=True)
class Case:
    """Hold what decides about the rows of some files of one data set.

    Attributes:
        holds: Active holds that may cover them, in order of preference.
        by_day: Reason given to rows that go because of their partition's class.
        month_window: Days after their own date that rows of ``MONTHS`` stay.
        released: The files are held ones whose hold has ended: every row goes, or to another hold.
        erasures: Those that may be about some of the rows.
    """

    data: DataSet
    decisions: Decisions
    holds: Sequence[Hold]
    as_of: datetime
    by_day: Reason
    month_window: int | None = None
    released: bool = False
    erasures: Sequence[Erasure] = ()


class RowDecisions:
    """Decide about rows on one connection; close it when done.

    Attributes:
        connection: Where the queries of `select` run.
    """

    def __init__(self, engine: Engine, *, data: Path) -> None:
        self._engine = engine
        self._data = data
        self.connection: duckdb.DuckDBPyConnection = engine.cursor()
        self._prepared: Case | None = None
        self._reasons: list[Reason] = []

    def close(self) -> None:
        """Free the connection."""
        self.connection.close()

    def count(self, case: Case, parts: Sequence[Part]) -> dict[str, tuple[Outcome, ...]]:
        """Return path → what happens to the rows of that file.

        Raises:
            KeyringError: A key is missing.
            StoreError: A file cannot be read.
        """
        found: dict[str, list[Outcome]] = defaultdict(list)
        reasons = self._prepare(case, parts)
        for group in group_by_layout(parts).values():
            query = (
                f"select _path, _to, _reason, _day, count(*) from ({self._decided(case, group)}) "
                "group by all order by all"
            )
            with without_values(case.data.source, "its rows could not be looked at"):
                counted = self.connection.execute(query).fetchall()
            for path, to, reason, day, rows in counted:
                found[path].append(Outcome(to, rows, reasons[reason].dated(day)))
        return {path: tuple(outcomes) for path, outcomes in found.items()}

    def select(self, case: Case, part: Part, to: str) -> str:
        """Return a query for the rows of one file that go one way, in the order in which files are written.

        It is valid until the next call: it reads a table of decisions made for this file.
        """
        self._prepare(case, [part])
        return (
            f"select * exclude ({_OWN_COLUMNS}) from ({self._decided(case, [part])}) "
            f"where _to = {quoted(to)} order by {case.data.scope}, received_at"
        )

    def _prepare(self, case: Case, parts: Sequence[Part]) -> list[Reason]:
        """Register the tables that the query reads; return the reasons that it numbers."""
        self._engine.add_keys(self.connection, (part.key_name for part in parts))
        files = [(str(self._data / p.path), p.path, p.event_date, p.retention_days) for p in parts]
        self._register("listed", _FILES, files)
        # All files of a class share a case, which may name thousands of tokens.
        if case is not self._prepared:
            self._reasons = self._prepare_case(case)
            self._prepared = case
        return self._reasons

    def _prepare_case(self, case: Case) -> list[Reason]:
        decided: list[tuple[str | None, Decision]] = [*case.decisions.listed.items()]
        if case.decisions.default is not None:
            decided.append((None, case.decisions.default))
        cells = [(who, d.days, d.through, d.is_ended, n) for n, (who, d) in enumerate(decided, start=1)]
        self._register("decisions", _DECISIONS, cells)
        reasons = [case.by_day, *(decision.reason for _, decision in decided)]
        erased: dict[tuple[str, str], int] = {}
        for erasure in case.erasures:
            erased |= dict.fromkeys(erasure.named_in(case.data), len(reasons))
            reasons.append(erasure_reason(erasure, case.data.category))
        self._register("erased", _ERASED, [(*who, n) for who, n in sorted(erased.items())])
        return reasons

    def _register(self, name: str, schema: pa.Schema, rows: Sequence[tuple[object, ...]]) -> None:
        records = [dict(zip(schema.names, row, strict=True)) for row in rows]
        self.connection.register(name, pa.Table.from_pylist(records, schema=schema))

    def _decided(self, case: Case, parts: Sequence[Part]) -> str:
        scan = read_parquet(parts, data=self._data, key_name=parts[0].key_name, hive=False, filename=True)
        due = _due_sql(case)
        erasing = [name for name in case.data.tokens if name in parts[0].columns] if case.erasures else []
        by_request, joined = "", ""
        if erasing:
            by_request = f"coalesce({', '.join(f'e{n}.reason' for n in range(len(erasing)))})"
            due = f"({due} or {by_request} is not null)"
            joined = "".join(
                f" left join erased as e{n} on e{n}.scope = r.{case.data.scope} "
                f"and e{n}.token = cast(r.{identifier(column)} as varchar)"
                for n, column in enumerate(erasing)
            )
        moves = "coalesce(v.days, d.days, l.days) <> l.days"
        if case.released or case.data.layout is not Layout.DAYS:
            moves = "false"
        # Raw records are of no workspace that would be known.
        workspace = "null" if case.data.raw else "r.workspace_id"
        return (
            "select r.*, l.path as _path, l.day as _day, l.days as _days, "
            f"coalesce({by_request or 'null'}, v.reason, d.reason, 0) as _reason, "
            f"case when {due} then coalesce({_hold_sql(case, parts)}, {quoted(GONE)}) "
            f"when {moves} then {quoted(CLASS)} || ' ' || coalesce(v.days, d.days) "
            f"else {quoted(STAY)} end as _to "
            f"from {scan} as r join listed as l on l.file = r.filename "
            f"left join decisions as v on v.workspace_id = {workspace} "
            f"left join decisions as d on d.workspace_id is null{joined}"
        )


def erasure_reason(erasure: Erasure, category: str) -> Reason:
    """Return why rows of an erased person go."""
    return Reason(f"{ERASURE} {erasure.number}", category, None, None, None)


def _due_sql(case: Case) -> str:
    if case.released:
        return "true"
    now = f"date '{case.as_of.date()}'"
    ended = "coalesce(v.is_ended, false)"
    match case.data.layout:
        case Layout.DAYS:
            # Without a decision on its workspace a row is in the right class, and the partition decides.
            general = f"date '{case.decisions.through}'" if case.decisions.through else f"{now} - l.days"
            return f"({ended} or l.day <= coalesce(v.through, d.through, {general}))"
        case Layout.MONTHS:
            past = "false"
            if case.month_window is not None:
                past = f"cast(r.{case.data.event_time} as date) + {case.month_window} <= {now}"
            return f"({ended} or {past})"
        case Layout.BUCKETS:
            # A hold outlives the account: it says what is still kept, and until when.
            return f"({ended} and r.expires_at <= timestamp '{case.as_of}')" if case.data.holds else ended


def _hold_sql(case: Case, parts: Sequence[Part]) -> str:
    """Return the SQL for the first hold that covers a row, or null."""
    name = first_hold_sql(case.data, case.holds, present=parts[0].columns, row="r")
    return f"{quoted(HOLD)} || ' ' || ({name})"
