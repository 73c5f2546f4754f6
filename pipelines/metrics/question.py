"""Represent a question about a metric, and choose the table that can answer it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from pipelines.declarations.cube import Period
from pipelines.declarations.errors import MetricError
from pipelines.declarations.metric import COST, LATENCY_BIN, TARIFFS, Metric, Table

PERIODS = {"day": Period.DAY, "week": Period.DAY, "month": Period.MONTH}
# Periods of several days → whether one begins with a day.
OF_DAYS: Mapping[str, Callable[[date], bool]] = {
    "week": lambda day: day.weekday() == 0,
    "month": lambda day: day.day == 1,
}


@dataclass(frozen=True)
class Question:
    """A question: split by what, of which rows, of which days.

    Attributes:
        by: Columns and periods to split by, in the order of the answer.
        where: Column → the one value asked for.
        first, last: Days, both included; none where unbounded.
    """

    by: tuple[str, ...] = ()
    where: Mapping[str, str] = field(default_factory=dict)
    first: date | None = None
    last: date | None = None

    def __post_init__(self) -> None:
        if self.first and self.last and self.first > self.last:
            raise MetricError(f"--from {self.first} is after --to {self.last}. Exchange them.")
        if repeated := {name for name in self.by if self.by.count(name) > 1}:
            raise MetricError(f"--by names {', '.join(sorted(repeated))} twice. Name it once.")
        if periods := set(self.where) & set(PERIODS):
            raise MetricError(f"--where does not take {', '.join(sorted(periods))}. Use --from and --to.")

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns it names, without periods, each once."""
        return tuple(dict.fromkeys([*(n for n in self.by if n not in PERIODS), *self.where]))

    @property
    def asks_parts_of_months(self) -> bool:
        """Return whether months alone cannot answer it."""
        return bool(self._cut("month")) or any(PERIODS.get(n) is Period.DAY for n in self.by)

    @property
    def cut(self) -> tuple[tuple[date, str], ...]:
        """Return the limits that lie inside a week or month that it splits by: its row counts a part."""
        return tuple((day, name) for name in OF_DAYS for day in self._cut(name) if name in self.by)

    def _cut(self, period: str) -> list[date]:
        begins = OF_DAYS[period]
        starts_late = self.first is not None and not begins(self.first)
        ends_early = self.last is not None and not begins(self.last + timedelta(days=1))
        limits = ((self.first, starts_late), (self.last, ends_early))
        return [day for day, is_inside in limits if day is not None and is_inside]


def parse_where(conditions: Iterable[str]) -> dict[str, str]:
    """Read conditions of the form `column=value`.

    Raises:
        MetricError: One has another form, or names a column again.
    """
    where: dict[str, str] = {}
    for condition in conditions:
        name, equals, value = condition.partition("=")
        name = name.strip()
        if not equals or not name or name in where:
            raise MetricError("--where takes `column=value`, each column once.")
        where[name] = value.strip()
    return where


def answering(metric: Metric, tables: Sequence[Table]) -> list[Table]:
    """Return the tables that have all that a metric is made of."""
    return [
        table
        for table in tables
        if set(metric.measures) <= set(table.measures)
        and (metric.quantile is None or table.dimension == LATENCY_BIN)
        and (table.name != TARIFFS or COST in metric.measures)
    ]


def askable(metric: Metric, table: Table) -> tuple[str, ...]:
    """Return what a metric can be asked by in a table; bins are what a quantile is made of."""
    return tuple(c for c in table.columns if metric.quantile is None or c != LATENCY_BIN)


def choose(
    metric: Metric, question: Question, tables: Sequence[Table], *, by_whole_months: bool = True
) -> Table:
    """Choose the table that answers: no dimension unasked for, months for people of months, else days.

    Args:
        by_whole_months: Whether a table by month knows nothing of its days.

    Raises:
        MetricError: None does; says what can be asked together.
    """
    fitting = [t for t in answering(metric, tables) if set(question.columns) <= set(askable(metric, t))]
    if not answering(metric, tables):
        raise MetricError(f"{metric.metric} has no facts in the restricted zone. Leave out --restricted.")
    if not fitting:
        raise MetricError(
            f"{metric.metric} cannot be split by {' and '.join(question.columns)}. "
            f"It can be split by:\n{_possible(metric, tables)}"
        )
    asks_days = by_whole_months and question.asks_parts_of_months
    timely = [t for t in fitting if t.period is Period.DAY or not asks_days]
    if not timely:
        named = " by " + " and ".join(question.columns) if question.columns else ""
        raise MetricError(
            f"{metric.metric}{named} comes by whole months: use --by month, or --from and --to of months."
        )
    return min(timely, key=lambda t: (_is_unasked(t, question), _is_untimely(metric, t, question), t.name))


def _is_unasked(table: Table, question: Question) -> bool:
    return table.dimension is not None and table.dimension not in question.columns


def _is_untimely(metric: Metric, table: Table, question: Question) -> bool:
    """Return whether another table would answer better: what adds up counts every workspace by its days."""
    counts_people = any(table.measures[name].units is not None for name in metric.measures)
    wanted = Period.MONTH if "month" in question.by and counts_people else Period.DAY
    return table.period is not wanted


def _possible(metric: Metric, tables: Sequence[Table]) -> str:
    lines = {
        f"  {'day, week, month' if t.period is Period.DAY else 'month'}"
        f"{''.join(', ' + c for c in askable(metric, t))}"
        for t in answering(metric, tables)
    }
    return "\n".join(sorted(lines))
