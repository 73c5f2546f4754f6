"""Answer the questions of reports from the published copy, by the queries of `wasms metrics`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb

from pipelines.declarations.metric import load_metrics, load_tables
from pipelines.metrics.published import published_query
from pipelines.metrics.question import Question
from pipelines.reports.period import Span
from pipelines.reports.questions import (
    BENCHMARKS,
    BY_WORKSPACE,
    COVERAGE,
    DAYS,
    LATE,
    OF_A_PERIOD,
    OF_THE_PERIOD_BEFORE,
    WORKSPACES,
    Asked,
)

# Whose numbers those of all workspaces together are.
ALL = "platform"
_WORKSPACE = "workspace"
# Rows that stand for several workspaces have no page.
GROUPS = {"other": "Other workspaces", "former": "Former workspaces"}
# So many digits of a key tell workspaces of one name apart.
SHORT = 4


@dataclass(frozen=True, slots=True)
class Number:
    """One answer, and between which two the true number lies 95 times in 100; None = not published."""

    value: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def is_known(self) -> bool:
        """Return whether it is published."""
        return self.value is not None

    def differs_from(self, other: "Number") -> bool:
        """Return whether two numbers differ by more than rounding explains: their ranges are apart."""
        if self.low is None or self.high is None or other.low is None or other.high is None:
            return False
        return self.low > other.high or self.high < other.low


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an answer: what it is split by → value, and metric → number."""

    keys: Mapping[str, Any]
    numbers: Mapping[str, Number]

    def __getitem__(self, metric: str) -> Number:
        return self.numbers.get(metric, Number())


@dataclass(frozen=True, slots=True)
class Frames:
    """The answers for one owner: of the period, and of the one before."""

    now: Mapping[Asked, Sequence[Row]] = field(default_factory=dict)
    before: Mapping[Asked, Sequence[Row]] = field(default_factory=dict)

    def rows(self, asked: Asked) -> Sequence[Row]:
        """Return the rows of an answer; none where nothing is published."""
        return self.now.get(asked, ())

    def only(self, asked: Asked, *, before: bool = False) -> Row:
        """Return the one row of a question that is not split."""
        rows = (self.before if before else self.now).get(asked, ())
        return rows[0] if rows else Row({}, {})


@dataclass(frozen=True, slots=True)
class Published:
    """What is the same for every page of a period.

    Attributes:
        days: First and last published day of the period, and how many there are; None where there is none.
        is_whole, is_before_whole: Whether every day of the period is published, and of the one before.
        names: Key of a workspace → its published name.
        benchmarks: Name of a rate → its row.
        late: Key of a workspace → statuses that came too late to count.
        coverage: Workspaces counted, and all, where the marts say so.
    """

    span: Span
    days: tuple[date, date, int] | None
    is_whole: bool
    is_before_whole: bool
    names: Mapping[str, str]
    benchmarks: Mapping[str, Mapping[str, Any]]
    late: Mapping[str, int]
    coverage: tuple[int, int] | None

    def label(self, key: str) -> str:
        """Return a name for a workspace that no other one has: names are masked, and may be the same."""
        name = self.names.get(key) or GROUPS.get(key) or f"Workspace {key[:SHORT]}"
        return f"{name} · {key[:SHORT]}" if list(self.names.values()).count(name) > 1 else name


def last_day(connection: duckdb.DuckDBPyConnection) -> date | None:
    """Return the last published day; None where there is none."""
    (day,) = connection.execute(f"select max(send_date) from {DAYS}").fetchall()[0]
    return day if isinstance(day, date) else None


def published(connection: duckdb.DuckDBPyConnection, span: Span) -> Published:
    """Read what is the same for every page of a period."""
    first, last, days = _days(connection, span)
    names = {row["workspace_key"]: row["workspace_name"] for row in _read(connection, WORKSPACES)}
    late = {row["workspace_key"]: row["late_statuses"] for row in _read(connection, LATE, span)}
    month = next(iter(_read(connection, COVERAGE, span)), {})
    counted, total = month.get("workspaces_counted"), month.get("workspaces_total")
    return Published(
        span=span,
        days=(first, last, days) if days else None,
        is_whole=days == span.days,
        is_before_whole=_days(connection, span.before)[2] == span.before.days,
        names={key: name for key, name in names.items() if name},
        benchmarks={row["rate_name"]: row for row in _read(connection, BENCHMARKS, span)},
        late={key: count for key, count in late.items() if count},
        coverage=(counted, total) if counted is not None and total is not None else None,
    )


def _days(connection: duckdb.DuckDBPyConnection, span: Span) -> tuple[Any, Any, int]:
    ((first, last, days),) = connection.execute(
        f"select min(send_date), max(send_date), count(distinct send_date) from {DAYS} "
        "where send_date between ? and ?",
        [span.first, span.last],
    ).fetchall()
    return first, last, days


def _read(
    connection: duckdb.DuckDBPyConnection, table: str, span: Span | None = None
) -> list[dict[str, Any]]:
    """Return the rows of a table, of a month if one is named; none where there is no such table."""
    if span is not None and not span.is_month:
        return []
    condition, parameters = (" where month = ?", [span.first]) if span else ("", [])
    try:
        return _rows(connection.execute(f"from {table}{condition}", parameters))
    except duckdb.CatalogException:
        return []


def frames_of(
    connection: duckdb.DuckDBPyConnection, span: Span, *, workspace: str | None = None
) -> dict[str, Frames]:
    """Return the answers of every workspace, or of one, by its key; each holds its own rows alone."""
    now, before = (
        _by_workspace(connection, asked, span=of, workspace=workspace)
        for asked, of in ((OF_A_PERIOD, span), (OF_THE_PERIOD_BEFORE, span.before))
    )
    return {key: Frames(found, before.get(key, {})) for key, found in now.items()}


def platform_frames(connection: duckdb.DuckDBPyConnection, span: Span) -> Frames:
    """Return the answers of the platform, and its workspaces and campaigns beside each other."""
    beside = {
        asked: answer(connection, asked, span=span, of=("workspace",))
        for asked in OF_A_PERIOD
        if asked.by == ("campaign",)
    }
    beside[BY_WORKSPACE] = answer(connection, BY_WORKSPACE, span=span, of=("workspace",))
    now = {asked: answer(connection, asked, span=span) for asked in OF_A_PERIOD if asked not in beside}
    before = {asked: answer(connection, asked, span=span.before) for asked in OF_THE_PERIOD_BEFORE}
    return Frames(now | beside, before)


def _by_workspace(
    connection: duckdb.DuckDBPyConnection, questions: Sequence[Asked], *, span: Span, workspace: str | None
) -> dict[str, dict[Asked, list[Row]]]:
    found: dict[str, dict[Asked, list[Row]]] = {}
    where = {_WORKSPACE: workspace} if workspace else {}
    for asked in questions:
        for row in answer(connection, asked, span=span, of=(_WORKSPACE,), where=where):
            found.setdefault(row.keys[_WORKSPACE], {}).setdefault(asked, []).append(row)
    return found


def answer(
    connection: duckdb.DuckDBPyConnection,
    asked: Asked,
    *,
    span: Span,
    of: tuple[str, ...] = (),
    where: Mapping[str, str] | None = None,
) -> list[Row]:
    """Answer one question, in the order of its keys; no row where its numbers are not published."""
    if asked.is_monthly and not span.is_month:
        return []
    question = Question(by=(*of, *asked.by), where=where or {}, first=span.first, last=span.last)
    keys: dict[tuple[Any, ...], dict[str, Any]] = {}
    numbers: dict[tuple[Any, ...], dict[str, Number]] = {}
    for metric in asked.metrics:
        query = published_query(load_metrics()[metric], question, load_tables())
        try:
            rows = _rows(connection.execute(query.sql, query.parameters))
        except (duckdb.BinderException, duckdb.CatalogException):
            continue  # declared after the last publication
        for row in rows:
            number = Number(*(_plain(row.pop(name)) for name in (metric, "low", "high")))
            key = tuple(row.values())
            keys[key] = row
            numbers.setdefault(key, {})[metric] = number
    return [Row(keys[key], found) for key, found in numbers.items()]


def _rows(cursor: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    # Without Arrow, which takes longer to load than all questions to answer.
    names = [name for name, *_ in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _plain(value: Any) -> float | None:
    return None if value is None else float(value)
