"""Answer metrics from published tables, whose numbers carry noise and codes; flags say what is open."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.declarations.cube import REST, TOTAL, Measure, Period
from pipelines.declarations.errors import MetricError
from pipelines.declarations.metric import LATENCY_BIN, Metric, Table, name_of
from pipelines.metrics.question import PERIODS, Question, choose
from warehouse.store.connection import identifier

# Column of a question → table with its name, and the columns to join by.
_NAMED = {
    "workspace": ("dim_published_workspaces", "workspace_name", ("workspace_key",)),
    "campaign": ("dim_published_campaigns", "campaign_name", ("workspace_key", "campaign_key")),
}


@dataclass(frozen=True)
class Query:
    """SQL of one answer.

    Attributes:
        sql: Gives the columns of the question (a name beside each key), then the metric and `flag`.
        parameters: Its values, in order.
        reads: What it reads, for people.
    """

    sql: str
    parameters: tuple[object, ...]
    reads: str


def published_query(metric: Metric, question: Question, tables: Sequence[Table]) -> Query:
    """Return the query that answers from the published copy.

    A part that reads `<k` counts as none, in a ratio's denominator as k - 1: the answer is a lower bound
    then, and its flag says `>=`. One that reads `>n-k` counts as all but k - 1, in a denominator as all; of
    messages that is an estimate, `~`, for few people may have many. A single coded number stays empty, under
    its own flag. A quantile is the upper edge of its bin; its flag is `~` where a bin is coded, which counts
    as none.

    Raises:
        MetricError: No table can answer, or people of several rows would be added up.
    """
    table = choose(metric, question, tables)
    _refuse_sums_of_people(metric, question, table)
    cells, parameters = _cells(metric, question, table)
    keys = [column for name in question.by for column in _shown(name)]
    k = table.cube.minimum_units
    answer = _quantile(metric, keys) if metric.quantile is not None else _number(metric, keys, k=k)
    level = table.level(question.columns)
    order = f"\norder by {', '.join(map(identifier, keys))}" if keys else ""
    return Query(f"with cells as (\n{cells}\n)\n{answer}{order}", parameters, f"{table.name}, level {level}")


def _refuse_sums_of_people(metric: Metric, question: Question, table: Table) -> None:
    fixed = {*question.columns, *question.by}
    needed = [*table.needed]
    if any(table.measures[name].units is not None for name in metric.measures):
        needed += ["day" if table.period is Period.DAY else "month"]
        needed += map(name_of, table.cube.spine.path(table.level(question.columns)))
    if missing := [name for name in needed if name not in fixed]:
        what = "amounts of several currencies" if table.needed else "people of several rows"
        raise MetricError(
            f"{metric.metric}: {what} do not add up. Split it by {' and '.join(missing)} too (--by), or "
            "choose one (--where)."
        )


def _shown(name: str) -> list[str]:
    return [name, _NAMED[name][1]] if name in _NAMED else [name]


def _cells(metric: Metric, question: Question, table: Table) -> tuple[str, tuple[object, ...]]:
    """Return SQL and parameters for the cells that count: one row each, with numbers, flags and wholes."""
    period = f"cells.{table.period.column}"
    columns = {name: f"cells.{identifier(column)}" for name, column in table.columns.items()}
    selected = [_selected(name, columns, period) for name in question.by]
    for part, measure in zip(("over", "under"), metric.measures, strict=False):
        selected += _parts(part, table.measures[measure])
    conditions = [f"cells.level = '{table.level(question.columns)}'"]
    parameters: list[object] = []
    if table.dimension is not None:
        conditions.append(_of_dimension(metric, question, table.dimension))
    for name, value in question.where.items():
        conditions.append(_is(name, columns))
        parameters += [value] * (2 if name in _NAMED else 1)
    if question.first is not None:
        conditions.append(f"{period} >= ?")
        parameters.append(question.first)
    if question.last is not None:
        conditions.append(f"{period} <= ?")
        parameters.append(question.last)
    if metric.quantile is not None:
        selected.append(f"epoch(cast(cells.{LATENCY_BIN} as interval)) as seconds")
    joins = "".join(_join(name) for name in _NAMED if name in question.columns)
    body = ",\n        ".join(selected)
    where = "\n        and ".join(conditions)
    return (
        f"    select\n        {body}\n    from {table.name} as cells{joins}\n    where\n        {where}",
        tuple(parameters),
    )


def _selected(name: str, columns: dict[str, str], period: str) -> str:
    if name in PERIODS:
        return f"cast(date_trunc('{name}', {period}) as date) as {name}"
    key = columns[name]
    if name not in _NAMED:
        return f"{key} as {identifier(name)}"
    label = _NAMED[name][1]
    return f"{key} as {name}, coalesce({name}s.{label}, {key}) as {label}"


def _is(name: str, columns: dict[str, str]) -> str:
    if name in _NAMED:
        return f"(? in ({columns[name]}, {name}s.{_NAMED[name][1]}) or {columns[name]} = ?)"
    return f"{columns[name]} = ?"


def _join(name: str) -> str:
    table, _, keys = _NAMED[name]
    on = " and ".join(f"cells.{key} = {name}s.{key}" for key in keys)
    return f"\n    left join {table} as {name}s on {on}"


def _of_dimension(metric: Metric, question: Question, dimension: str) -> str:
    column = f"cells.{identifier(dimension)}"
    if metric.quantile is not None:
        return f"{column} not in ('{TOTAL}', '{REST}', 'unknown')"
    return (
        f"{column} <> '{TOTAL}'"
        if dimension in question.by
        else ("true" if dimension in question.where else f"{column} = '{TOTAL}'")
    )


def _parts(part: str, measure: Measure) -> list[str]:
    m, flag = f"cells.{identifier(measure.name)}", f"cells.{identifier(measure.name + '_flag')}"
    whole = f"cells.{identifier(measure.parent)}" if measure.parent else "null"
    return [f"{m} as {part}", f"{flag} as {part}_flag", f"{whole} as {part}_whole"]


def _low(part: str, k: int) -> str:
    coded = f"case when {part}_flag = '>n-k' then greatest(coalesce({part}_whole, 0) - {k - 1}, 0) else 0 end"
    return f"sum(coalesce({part}, {coded}))"


def _high(part: str, k: int) -> str:
    """Return SQL for the most that a sum can be; empty where a part is unbounded."""
    return (
        f"case when bool_and({part}_flag is null and {part} is not null or {part}_flag = '<k' "
        f"or {part}_flag = '>n-k' and {part}_whole is not null) "
        f"then sum(coalesce({part}, case when {part}_flag = '<k' then {k - 1} else {part}_whole end)) end"
    )


def _number(metric: Metric, keys: Sequence[str], *, k: int) -> str:
    listed = "".join(f"{identifier(key)}, " for key in keys)
    parts = ("over",) if metric.under is None else ("over", "under")
    open_ = " + ".join(f"count(*) filter (where {p}_flag is not null or {p} is null)" for p in parts)
    flag = ", ".join(f"min({p}_flag)" for p in parts)
    nearly = " or ".join(f"bool_or(coalesce({p}_flag = '>n-k', false))" for p in parts)
    empty = " or ".join(f"bool_or({p} is null)" for p in parts)
    value = _low("over", k)
    if metric.under is not None:
        value = f"cast({value} as double) / nullif({_high('under', k)}, 0)"
    return f"""
select
    {listed}
    case when count(*) > 1 or not ({empty}) then {value} end as {identifier(metric.metric)},
    case
        when {open_} = 0 then null
        when count(*) = 1 then coalesce({flag})
        when {nearly} then '~'
        else '>='
    end as flag
from cells{_grouped(keys)}"""


def _grouped(keys: Sequence[str]) -> str:
    """Return the end of a query that gives one row per key, or one in all where there is any."""
    return "\ngroup by all" if keys else "\nhaving count(*) > 0"


def _quantile(metric: Metric, keys: Sequence[str]) -> str:
    listed = "".join(f"{identifier(key)}, " for key in keys)
    partition = f"partition by {', '.join(map(identifier, keys))}" if keys else ""
    reached = f"so_far >= {metric.quantile} * messages_in_all and so_far > 0"
    return f""", bins as (
    select {listed}seconds, sum(coalesce(over, 0)) as messages, count(over_flag) as coded
    from cells
    group by {listed}seconds
),
ranked as (
    select
        *,
        sum(messages) over ({partition} order by seconds) as so_far,
        sum(messages) over ({partition}) as messages_in_all
    from bins
)
select
    {listed}
    min(seconds) filter (where {reached}) as {identifier(metric.metric)},
    case when sum(coded) > 0 then '~' end as flag
from ranked{_grouped(keys)}"""
