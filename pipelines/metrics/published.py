"""Answer metrics from published tables, whose numbers are rounded; low and high say how sure an answer is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines.declarations.cube import CONTACT_MONTH, REST, Period
from pipelines.declarations.errors import MetricError
from pipelines.declarations.metric import LATENCY_BIN, VARIANT, VARIED, Metric, Table, name_of
from pipelines.metrics.question import OF_DAYS, PERIODS, Question, choose
from warehouse.store.connection import identifier

# Column of a question → table with its name, and the columns to join by.
NAMED = {
    "workspace": ("dim_published_workspaces", "workspace_name", ("workspace_key",)),
    "template": ("dim_published_templates", "template_name", ("workspace_key", "template_key")),
    "campaign": ("dim_published_campaigns", "campaign_name", ("workspace_key", "campaign_key")),
}

# Normal quantile of a 95 % interval: many roundings add up.
SURE = 1.96
# No cost and no latency is known of these.
_UNKNOWN = f"('{REST}', 'unknown')"


@dataclass(frozen=True)
class Query:
    """SQL of one answer.

    Attributes:
        sql: Gives the columns of the question (a name beside each key), then the metric, `low` and `high`.
        parameters: Its values, in order.
        reads: What it reads, for people.
        is_rounded: Whether it is not exact.
        is_of_whole_months: Whether workspaces that keep messages too short for a month are left out.
    """

    sql: str
    parameters: tuple[object, ...]
    reads: str
    is_rounded: bool = True
    is_of_whole_months: bool = False


def published_query(metric: Metric, question: Question, tables: Sequence[Table]) -> Query:
    """Return the query that answers from the published copy.

    Rounded numbers are right on average, and so are their sums. `low` and `high` hold the true number in 95
    of 100 answers. An answer is empty where one of its numbers was taken out before publication.

    Raises:
        MetricError: No table can answer, or people of several rows would be added up.
    """
    table = choose(metric, question, tables)
    keys = [column for name in question.by for column in _shown(name)]
    answer = _quantile(metric, keys) if metric.quantile is not None else _number(metric, table, keys)
    return _query(metric, question, table, keys, answer)


def estimate_query(metric: Metric, question: Question, tables: Sequence[Table]) -> Query:
    """Return the query that gives, for each row of the question, what a rate is made of.

    Its columns after those of the question: `over`, `under`, `value` and `variance`, which is that of the
    rounding alone.

    Raises:
        MetricError: The metric is no ratio, or no table can answer.
    """
    if metric.under is None:
        raise MetricError(f"{metric.metric} is no rate. Rates are those with a denominator.")
    table = choose(metric, question, tables)
    keys = [column for name in question.by for column in _shown(name)]
    listed = "".join(f"{identifier(key)}, " for key in keys)
    answer = f"{_estimated(metric, table, keys)}\nselect {listed}over, under, value, variance\nfrom estimated"
    return _query(metric, question, table, keys, answer)


def _query(metric: Metric, question: Question, table: Table, keys: Sequence[str], answer: str) -> Query:
    _refuse_sums_of_people(metric, question, table)
    cells, parameters = _cells(metric, question, table)
    level = table.level(question.columns)
    order = f"\norder by {', '.join(map(identifier, keys))}" if keys else ""
    return Query(
        f"with cells as (\n{cells}\n){answer}{order}",
        parameters,
        f"{table.name}, level {level}",
        is_of_whole_months=table.cube.spine is CONTACT_MONTH,
    )


def _refuse_sums_of_people(metric: Metric, question: Question, table: Table) -> None:
    fixed = {*question.columns, *question.by}
    needed = [*metric.needed]
    if any(table.measures[name].units is not None for name in metric.measures):
        needed += ["day" if table.period is Period.DAY else "month"]
        # Each person is in one workspace, so people of several add up.
        needed += list(map(name_of, table.cube.spine.path(table.level(question.columns))))[1:]
        needed += [table.dimension] if table.dimension else []
    if missing := [name for name in needed if name not in fixed]:
        what = "amounts of several currencies" if metric.needed else "people of several rows"
        raise MetricError(
            f"{metric.metric}: {what} do not add up. Split it by {' and '.join(missing)} too (--by), or "
            "choose one (--where)."
        )


def _shown(name: str) -> list[str]:
    return [name, NAMED[name][1]] if name in NAMED else [name]


def _cells(metric: Metric, question: Question, table: Table) -> tuple[str, tuple[object, ...]]:
    """Return SQL and parameters for the cells that count: one row each, with numbers and their errors."""
    period = f"cells.{table.period.column}"
    columns = table.columns
    selected = [_selected(name, columns, period) for name in question.by]
    for part, measure in zip(("over", "less" if metric.less else "under"), metric.measures, strict=False):
        m, squares = (identifier(name) for name in (measure, f"{measure}_squares"))
        selected += [f"cells.{m} as {part}", f"cells.{squares} as {part}_squares"]
    if (counted_by := table.measures[metric.over].counted_by) is not None:
        selected.append(f"cells.{identifier(counted_by)} as counted")
    conditions = [f"cells.level = '{table.level(question.columns)}'"]
    parameters: list[object] = []
    if metric.quantile is not None or metric.needed:
        conditions.append(f"cells.{identifier(str(table.dimension))} not in {_UNKNOWN}")
    for name, value in question.where.items():
        conditions.append(_is(name, columns))
        parameters += [value] * (2 if name in NAMED else 1)
    for comparison, day in ((">=", question.first), ("<=", question.last)):
        if day is not None:
            conditions.append(f"{period} {comparison} ?")
            parameters.append(day)
    # A week or month of days appears when it is over, as in the marts.
    last_day = (
        f"greatest((select max({table.period.column}) from {table.name}), "
        "(select last_day(max(month)) from cubes.cube_coverage_monthly))"
    )
    longer = [name for name in question.by if name in OF_DAYS and table.period is Period.DAY]
    conditions += [f"{period} < date_trunc('{name}', {last_day} + 1)" for name in longer]
    if metric.quantile is not None:
        selected.append(f"epoch(cast(cells.{LATENCY_BIN} as interval)) as seconds")
    named = {VARIED if name == VARIANT else name for name in question.columns}
    joins = "".join(_join(name) for name in NAMED if name in named)
    body = ",\n        ".join(selected)
    where = "\n        and ".join(conditions)
    return (
        f"    select\n        {body}\n    from {table.name} as cells{joins}\n    where\n        {where}",
        tuple(parameters),
    )


def _selected(name: str, columns: Mapping[str, str], period: str) -> str:
    if name in PERIODS:
        return f"cast(date_trunc('{name}', {period}) as date) as {name}"
    key = columns[name]
    if name not in NAMED:
        return f"{key} as {identifier(name)}"
    label = NAMED[name][1]
    return f"{key} as {name}, coalesce({name}s.{label}, {key}) as {label}"


def _is(name: str, columns: Mapping[str, str]) -> str:
    if name in NAMED:
        return f"(? in ({columns[name]}, {name}s.{NAMED[name][1]}) or {columns[name]} = ?)"
    return f"{columns[name]} = ?"


def _join(name: str) -> str:
    table, _, keys = NAMED[name]
    on = " and ".join(f"cells.{key} = {name}s.{key}" for key in keys)
    return f"\n    left join {table} as {name}s on {on}"


def _number(metric: Metric, table: Table, keys: Sequence[str]) -> str:
    """Return SQL for a sum or a ratio of sums, and between which two numbers the true one lies."""
    listed = "".join(f"{identifier(key)}, " for key in keys)
    most = ", 1" if metric.unit == "ratio" else ""
    # A difference may be below zero.
    least = "null" if metric.less else "0"
    reach = f"{SURE} * sqrt(variance)"
    known = "value is not null"
    if table.measures[metric.over].counted_by is not None:
        known += " and not (over = 0 and counted > 0)"
    answer = f"least(value{most})" if metric.under or metric.per != 1 else "cast(value as bigint)"
    return f"""{_estimated(metric, table, keys)}
select
    {listed}
    case when {known} then {answer} end as {identifier(metric.metric)},
    case when {known} then least(greatest(value - {reach}, {least}){most}) end as low,
    case when {known} then least(value + {reach}{most}) end as high
from estimated"""


def _estimated(metric: Metric, table: Table, keys: Sequence[str]) -> str:
    """Return SQL for a sum or a ratio of sums, with its variance by propagation."""
    listed = "".join(f"{identifier(key)}, " for key in keys)
    is_sparse = table.measures[metric.over].counted_by is not None
    parts = {"over": metric.per}
    parts |= {part: 1 for part, name in (("under", metric.under), ("less", metric.less)) if name}
    sums = ", ".join(
        f"case when count(*) = count({p}) then sum({p}) / {per}.0 end as {p}, "
        f"{_variance(p, is_sparse=p == 'over' and is_sparse)} / {per}.0 ^ 2 as {p}_variance"
        for p, per in parts.items()
    )
    if is_sparse:
        sums += ", sum(counted) as counted"
    value, variance = "over", "over_variance"
    if metric.less is not None:
        value, variance = "(over - less)", "(over_variance + less_variance)"
    if metric.under is not None:
        value = "(over / nullif(under, 0))"
        own, of_rest = "1", "under_variance"
        if table.is_part(metric.over, metric.under):
            # What is over is in what is under: only the rest of that is independent of it.
            own, of_rest = f"(1 - {value}) ^ 2", "(under_variance - over_variance)"
        variance = f"({own} * over_variance + {value} ^ 2 * {of_rest}) / nullif(under, 0) ^ 2"
    return f""",
summed as (
    select {listed}{sums}
    from cells{_grouped(keys)}
),
estimated as (
    select *, {value} as value, greatest({variance}, 0) as variance
    from summed
)"""


def _variance(part: str, *, is_sparse: bool) -> str:
    """Return SQL for the variance of a sum of rounded numbers: a sixth of each step squared.

    A sum that is rounded down to nothing does not tell its step. Of few people most are. One that is rounded
    up to one step stands for them: of a number far below the step, its square is the variance on average.
    """
    if is_sparse:
        return f"sum({part}_squares * case when {part} ^ 2 <= {part}_squares then 1 else 1 / 6.0 end)"
    return f"sum({part}_squares) / 6.0"


def _grouped(keys: Sequence[str]) -> str:
    """Return the end of a query that gives one row per key, or one in all where there is any."""
    return "\ngroup by all" if keys else "\nhaving count(*) > 0"


def _quantile(metric: Metric, keys: Sequence[str]) -> str:
    """Return SQL for a quantile from bins, between whose edges messages lie evenly on a scale of ratios.

    Where in a bin they really lie is not published: `low` and `high` are edges of the bins that may hold it.
    """
    listed = "".join(f"{identifier(key)}, " for key in keys)
    partition = f"partition by {', '.join(map(identifier, keys))}" if keys else ""
    numbers = {
        metric.metric: (0.0, _inside(_place(metric, 0.0))),
        "low": (-SURE, "from_seconds"),
        "high": (SURE, "seconds"),
    }
    columns = ",\n    ".join(
        f"min(case when messages > 0 and so_far >= greatest({_place(metric, off)}, 0) then {number} end) "
        f"as {identifier(name)}"
        for name, (off, number) in numbers.items()
    )
    return f""",
bins as (
    select {listed}seconds, sum(over) as messages, sum(over_squares) / 6.0 as variance
    from cells
    group by {listed}seconds
),
ranked as (
    select
        *,
        coalesce(lag(seconds) over ({partition} order by seconds), 0) as from_seconds,
        sum(messages) over ({partition} order by seconds) as so_far,
        sum(messages) over ({partition}) as messages_in_all,
        sqrt(sum(variance) over ({partition})) as error
    from bins
)
select
    {listed}
    {columns}
from ranked{_grouped(keys)}"""


def _place(metric: Metric, off: float) -> str:
    """Return SQL for how many messages are at most as late, so many standard errors off."""
    return f"least({metric.quantile} * messages_in_all + {off * 0.5} * error, messages_in_all)"


def _inside(place: str) -> str:
    share = f"greatest(least(({place} - (so_far - messages)) / nullif(messages, 0), 1), 0)"
    by_ratio = f"from_seconds * (seconds / from_seconds) ^ ({share})"
    return f"case when from_seconds > 0 then {by_ratio} else seconds * {share} end"
