"""Attack by differencing: subtract every two numbers that are about the same people.

The attacker knows which numbers are: all measures of a node, in whichever table they stand; a node and the
sum of its values, of the nodes below it, and of its days. A number that is not rounded is taken for exact.
Where two are, and they differ by fewer than the threshold, so many people are known to have one and not the
other.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import date

import duckdb

from pipelines.declarations.cube import Cube, Period
from pipelines.disclosure.attacks.finding import CUBES, Attacked, Finding
from pipelines.disclosure.attacks.rounding import is_exact
from warehouse.store.connection import identifier, quoted

ATTACK = "differencing"
TRIES = "Every number minus every other about the same people: measures, tables, levels, days of months"


def attack_by_differencing(
    connection: duckdb.DuckDBPyConnection,
    cubes: Mapping[str, Cube],
    *,
    periods: Mapping[str, Collection[date]],
) -> Attacked:
    """Try to learn a small difference of two exact numbers.

    Args:
        periods: Cube → slices to look at; a month is attacked with all of its days that are there.
    """
    tried, findings = 0, []
    by_unit = defaultdict(list)
    for cube in cubes.values():
        by_unit[cube.spine.unit].append(cube)
    for unit_cubes in by_unit.values():
        months = {each.replace(day=1) for c in unit_cubes for each in periods.get(c.cube, ())}
        listed = ", ".join(f"date '{month}'" for month in sorted(months))
        if not months:
            continue
        numbers = " union all ".join(part for cube in unit_cubes for part in _numbers(cube, listed))
        k = min(cube.minimum_units for cube in unit_cubes)
        connection.execute(f"create or replace temp table numbers as {numbers}")
        (pairs,) = connection.execute(
            "select coalesce(sum(n * (n - 1) // 2), 0) from (select count(*) as n from numbers group by node)"
        ).fetchall()[0]
        tried += int(pairs)
        rows = connection.execute(
            "select one.cube, one.slice, one.measure, count(*) from numbers as one "
            "inner join numbers as other on one.node = other.node "
            "and (one.cube, one.measure, one.way) < (other.cube, other.measure, other.way) "
            "where one.is_exact and other.is_exact and abs(one.number - other.number) between 1 and ? "
            "group by all",
            [k - 1],
        ).fetchall()
        findings += [
            Finding(ATTACK, cube, day, measure, "a small difference of exact numbers", n)
            for cube, day, measure, n in rows
        ]
        connection.execute("drop table numbers")
    return Attacked(ATTACK, TRIES, tried, tuple(sorted(findings)))


def _numbers(cube: Cube, months: str) -> Iterator[str]:
    """Yield queries for what is known of each node: its number, and sums of what it is made of."""
    period = cube.spine.period.column
    table = f"{CUBES}.{identifier(cube.cube)} where date_trunc('month', {period}) in ({months})"
    for measure in cube.measures:
        m = identifier(measure.name)
        adds_up = measure.units is None
        # People add up over the levels, for each is in one workspace; over values and days they do not.
        own = (
            f"select {period} as slice, {_node(cube, len(cube.path))} as node, {m}, {is_exact(m)} as is_exact"
        )
        if cube.dimension is None:
            yield _way(cube, measure.name, "itself", f"{own} from {table}")
        elif adds_up:
            yield _way(cube, measure.name, "values", f"{own} from {table}")
        if cube.spine.period is Period.DAY and adds_up:
            yield _way(cube, measure.name, "days", f"{own} from {table}", period=Period.MONTH)
        if adds_up:
            for level in cube.levels[1:]:
                above = cube.levels[cube.levels.index(level) - 1]
                node = _node(cube, len(cube.spine.path(above)))
                below = (
                    f"select {period} as slice, {node} as node, {m}, {is_exact(m)} as is_exact from {table} "
                    f"and level = '{level}'"
                )
                yield _way(cube, measure.name, f"{level} below", below)


def _node(cube: Cube, depth: int) -> str:
    """Return SQL for the name of a node: the columns of its path that are not `all`."""
    named = [f"nullif({column}, 'all')" for column in cube.path[:depth]]
    return f"concat_ws('|', '', {', '.join(named)})" if named else "''"


def _way(cube: Cube, measure: str, way: str, rows: str, *, period: Period | None = None) -> str:
    """Return a query for one number per node and period, from rows (slice, node, number, is_exact)."""
    period = period or cube.spine.period
    m = identifier(measure)
    return (
        f"select {quoted(cube.cube)} as cube, max(slice) as slice, {quoted(measure)} as measure, "
        f"{quoted(way)} as way, '{period} ' || date_trunc('{period}', slice) || node as node, "
        f"sum({m}) as number, bool_and(is_exact) as is_exact from ({rows}) group by all"
    )
