"""Verify every row of the store by the rules, without trust in what planning believes of partitions.

A row's day is the earliest of its event, its receipt and the day it is filed under. Only numbers come out;
no row leaves the database engine.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from warehouse.ledger.parts import Part
from warehouse.retention.finding import REPORT, Finding
from warehouse.retention.rules import (
    DataSet,
    Hold,
    Layout,
    RetentionInputs,
    active_holds,
    expired_through,
    outlives_account,
    terminated_on,
)
from warehouse.store.connection import Engine, identifier, number, quoted
from warehouse.store.views import group_by_layout, read_parquet

# The marker of a deleted entity keeps its keyed id and times; columns that end like these are content.
_CONTENT_SUFFIXES = ("_token", "_name")
_DECISIONS = pa.schema([("workspace", pa.string()), ("through", pa.date32()), ("is_ended", pa.bool_())])
_FILES = pa.schema([("file", pa.string()), ("filed_under", pa.date32())])


@dataclass(frozen=True, slots=True)
class RowRules:
    """Hold the rules that rows are checked against.

    Attributes:
        horizons: (category, subject) → newest event day that was ever past its window.
        refused: Subject of each ended workspace → since when.
        subject: Keyed hash of a workspace.
    """

    inputs: RetentionInputs
    as_of: datetime
    horizons: Mapping[tuple[str, str], date]
    refused: Mapping[str, date]
    subject: Callable[[str], str]

    def has_ended(self, workspace: str) -> bool:
        """Return whether all data of a workspace must be gone by now."""
        days = (terminated_on(self.inputs, workspace, self.as_of), self.refused.get(self.subject(workspace)))
        return any(day is not None and day <= self.as_of.date() for day in days)

    def through(self, category: str, workspace: str | None) -> date | None:
        """Return the newest event day that must be gone; None if rows do not expire by day."""
        reached = expired_through(self.inputs, category, workspace, self.as_of)
        own = self.horizons.get((category, self.subject(workspace))) if workspace is not None else None
        if own is None and workspace not in self.inputs.settings:
            own = self.horizons.get((category, ""))
        return max((day for day in (reached, own) if day is not None), default=None)


class RowScan:
    """Check rows on one connection; close it when done.

    Attributes:
        rules: What rows are checked against.
        living: Workspaces found so far whose account has not ended.
        rows: Rows looked at.
    """

    def __init__(self, engine: Engine, *, data: Path, rules: RowRules) -> None:
        self._data = data
        self.rules = rules
        self._engine = engine
        self._connection = engine.cursor()
        self.living: set[str] = set()
        self.rows = 0

    def close(self) -> None:
        """Free the connection."""
        self._connection.close()

    def live(self, data: DataSet, parts: Sequence[Part]) -> Iterator[Finding]:
        """Report rows that should be gone, of the live files of one data set.

        Raises:
            KeyringError: A key is missing.
            duckdb.Error: A file cannot be read.
        """
        self._read(data, parts)
        self._decide(data)
        # Each row counts once, however many promises it breaks.
        ended, past = "(v.is_ended and not s.outlives)", "coalesce(s.day <= v.through, false)"
        yield from self._counted(
            data.source,
            {
                "row(s) of accounts that have ended": ended,
                f"row(s) past their window ({data.category})": f"not {ended} and {past}",
                "row(s) older than the day they are filed under, which would overstay": (
                    f"s.day < s.filed_under and not {ended} and not {past}"
                ),
            },
        )
        if deleted := self._content_of_deleted(parts):
            yield Finding(data.source, "deleted row(s) whose content is still there", deleted, REPORT)

    def held(self, data: DataSet, parts: Sequence[Part]) -> Iterator[Finding]:
        """Report rows that no hold names, of the files of one data set that holds keep.

        Raises:
            KeyringError: A key is missing.
            duckdb.Error: A file cannot be read.
        """
        active = {hold.name: hold for hold in active_holds(self.rules.inputs, self.rules.as_of)}
        ended = [part for part in parts if part.hold not in active]
        if ended:
            rows = sum(part.rows for part in ended)
            yield Finding(data.source, "row(s) kept by a legal hold that has ended", rows)
        for name, hold in active.items():
            under = [part for part in parts if part.hold == name]
            unnamed = sum(self._unnamed(data, hold, group) for group in group_by_layout(under).values())
            if unnamed:
                yield Finding(data.source, "held row(s) that their legal hold does not name", unnamed, REPORT)
            self.rows += sum(part.rows for part in under)

    def _read(self, data: DataSet, parts: Sequence[Part]) -> None:
        """Count rows by file, workspace and day, as the temporary table `seen`."""
        self._engine.add_keys(self._connection, (part.key_name for part in parts))
        files = [{"file": str(self._data / p.path), "filed_under": p.event_date} for p in parts]
        self._replace("files", pa.Table.from_pylist(files, schema=_FILES))
        self._connection.execute(
            "create or replace temp table seen "
            "(workspace varchar, day date, filed_under date, outlives boolean, rows bigint)"
        )
        outlives = outlives_account(self.rules.inputs, data.category, self.rules.as_of)
        for group in group_by_layout(parts).values():
            present = group[0].columns
            workspace = "r.workspace_id" if "workspace_id" in present else "null"
            lasting = (
                f"r.expires_at > timestamp '{self.rules.as_of}'" if data.holds else str(outlives).lower()
            )
            self._connection.execute(
                f"insert into seen select {workspace}, {_day(data, present)}, f.filed_under, {lasting}, "
                f"count(*) from {self._scan(group)} r join files f on f.file = r.filename group by all"
            )
        self.rows += number(self._connection, "select coalesce(sum(rows), 0) from seen")

    def _decide(self, data: DataSet) -> None:
        """Decide by the rules for each workspace found, as the temporary table `decisions`."""
        met = [w for (w,) in self._connection.execute("select distinct workspace from seen").fetchall()]
        ended = {w: w is not None and self.rules.has_ended(w) for w in met}
        self.living |= {w for w in met if w is not None and not ended[w]}
        decisions = [
            {
                "workspace": w,
                "through": None if data.layout is Layout.BUCKETS else self.rules.through(data.category, w),
                "is_ended": ended[w],
            }
            for w in met
        ]
        self._replace("decisions", pa.Table.from_pylist(decisions, schema=_DECISIONS))

    def _counted(self, source: str, conditions: Mapping[str, str]) -> Iterator[Finding]:
        for problem, condition in conditions.items():
            # A null answer, e.g. of a row without a day, is no.
            ((rows, oldest),) = self._connection.execute(
                "select coalesce(sum(rows), 0), min(s.day) from seen s "
                f"join decisions v on v.workspace is not distinct from s.workspace where {condition}"
            ).fetchall()
            if rows:
                since = f", the oldest of {oldest}" if oldest else ""
                yield Finding(source, f"{problem}{since}", int(rows))

    def _content_of_deleted(self, parts: Sequence[Part]) -> int:
        deleted = 0
        for group in group_by_layout(parts).values():
            content = [name for name in group[0].columns if name.endswith(_CONTENT_SUFFIXES)]
            if "deleted_at" in group[0].columns and content:
                filled = " or ".join(f"{identifier(name)} is not null" for name in content)
                deleted += self._count(self._scan(group), f"deleted_at is not null and ({filled})")
        return deleted

    def _unnamed(self, data: DataSet, hold: Hold, parts: Sequence[Part]) -> int:
        self._engine.add_keys(self._connection, (part.key_name for part in parts))
        named = [f"workspace_id = {quoted(hold.workspace_id)}"]
        if hold.source is not None and hold.source != data.source:
            named.append("false")
        if hold.contact_token is not None:
            has = "contact_token" in parts[0].columns
            named.append(f"contact_token = {quoted(hold.contact_token)}" if has else "false")
        if data.event_time in parts[0].columns:
            moment = f"coalesce({data.event_time}, received_at)"
            if hold.held_from is not None:
                named.append(f"{moment} >= timestamp '{hold.held_from}'")
            if hold.held_to is not None:
                named.append(f"{moment} < timestamp '{hold.held_to}'")
        return self._count(self._scan(parts), f"not coalesce({' and '.join(named)}, false)")

    def _scan(self, parts: Sequence[Part]) -> str:
        return read_parquet(parts, data=self._data, key_name=parts[0].key_name, hive=False, filename=True)

    def _count(self, scan: str, condition: str) -> int:
        return number(self._connection, f"select count(*) from {scan} where {condition}")

    def _replace(self, name: str, table: pa.Table) -> None:
        self._connection.register("given", table)
        self._connection.execute(f"create or replace temp table {name} as select * from given")
        self._connection.unregister("given")


def _day(data: DataSet, present: Sequence[str]) -> str:
    """Return the SQL for a row's own day; null if rows have none."""
    times = [f"r.{name}" for name in (data.event_time, "received_at") if name in present]
    match data.layout:
        case Layout.BUCKETS:
            return "null"
        case Layout.MONTHS:
            # The invoice's date starts its window, not when it was sent here.
            return f"cast(coalesce({', '.join(times)}) as date)" if times else "null"
        case Layout.DAYS:
            return f"least(f.filed_under, {', '.join(f'cast({time} as date)' for time in times)})"


def unreadable(error: Exception, source: str) -> Finding:
    """Report files that could not be read, without the error's text, which may quote values."""
    kind = "their key or file is missing" if not isinstance(error, duckdb.Error) else type(error).__name__
    return Finding(source, f"data set that could not be looked at ({kind})", 1, REPORT)
