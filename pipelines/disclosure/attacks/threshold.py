"""Attack by threshold: look for counts below it, and for cells whose form gives away what they hide."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date

import duckdb

from pipelines.declarations.cube import REST, TOTAL, Cube
from pipelines.disclosure.attacks.finding import CUBES, Attacked, Finding
from warehouse.store.connection import identifier, quoted

ATTACK = "threshold"
TRIES = "A count below the threshold that is shown, or a cell whose form gives away what it hides"
CODES = ("<k", ">n-k")
LOWER_BOUND = ">="


def attack_thresholds(
    connection: duckdb.DuckDBPyConnection,
    cubes: Mapping[str, Cube],
    *,
    periods: Mapping[str, Collection[date]],
) -> Attacked:
    """Look at every cell of some slices.

    Args:
        periods: Cube → slices to look at.
    """
    tried, findings = 0, []
    for name, days in periods.items():
        if name not in cubes or not days:
            continue
        cube, table = cubes[name], f"{CUBES}.{identifier(name)}"
        listed = ", ".join(f"date '{day}'" for day in sorted(days))
        wanted = f"{cube.spine.period.column} in ({listed})"
        (cells,) = connection.execute(f"select count(*) from {table} where {wanted}").fetchall()[0]
        tried += cells * len(cube.measures)
        for column, problem, condition in _rules(cube):
            rows = connection.execute(
                f"select {cube.spine.period.column}, count(*) from ({_with_totals(cube, table)}) "
                f"where {wanted} and ({condition}) group by 1"
            ).fetchall()
            findings += [Finding(ATTACK, name, day, column, problem, count) for day, count in rows]
        findings += _unlisted(connection, cube, table, wanted)
    return Attacked(ATTACK, TRIES, tried, tuple(sorted(findings)))


def _with_totals(cube: Cube, table: str) -> str:
    if cube.dimension is None:
        return f"from {table}"
    node = ", ".join((cube.spine.period.column, "level", *cube.path))
    totals = ", ".join(
        f"max(case when {cube.dimension.name} = '{TOTAL}' then {m.name} end) over (partition by {node}) "
        f"as {m.name}_total"
        for m in cube.measures
    )
    return f"select *, {totals} from {table}"


def _rules(cube: Cube) -> Iterator[tuple[str, str, str]]:
    """Yield column, what is wrong, and the condition by which it is found."""
    k = cube.minimum_units
    listed = ", ".join(f"'{code}'" for code in (*CODES, LOWER_BOUND))
    for measure in cube.measures:
        m, flag = measure.name, f"{measure.name}_flag"
        own = "workspace_key is distinct from 'former'" if cube.path else "true"
        yield m, "a count below the threshold is shown", f"{m} < {k} and {own}"
        yield (
            flag,
            "a number and its code are both there, or neither",
            (f"({m} is null) <> coalesce({flag} <> '{LOWER_BOUND}', false)"),
        )
        yield flag, "an unknown code", f"{flag} not in ({listed})"
        if measure.parent is not None and measure.rows is not None and measure.parent in _rows(cube):
            yield m, "a part is larger than its whole", f"{m} > {measure.parent}"
        if measure.units is not None and measure.parent is not None:
            yield m, "what is left of its whole is below the threshold", f"{measure.parent} - {m} < {k}"
        if measure.units is not None and cube.dimension is not None:
            yield (
                m,
                "what is left of its node is below the threshold",
                (f"{cube.dimension.name} <> '{TOTAL}' and {m}_total - {m} < {k}"),
            )


def _rows(cube: Cube) -> frozenset[str]:
    return frozenset(measure.name for measure in cube.measures if measure.rows is not None)


def _unlisted(
    connection: duckdb.DuckDBPyConnection, cube: Cube, table: str, wanted: str
) -> Iterable[Finding]:
    """Find nodes that do not list every value or the rest: what is missing says that nobody had it."""
    if cube.dimension is None:
        return []
    always = (TOTAL, *(cube.dimension.values or (REST,)))
    listed = ", ".join(quoted(value) for value in always)
    period = cube.spine.period.column
    node = ", ".join((period, "level", *cube.path))
    own = "and workspace_key <> 'former'" if cube.path else ""
    rows = connection.execute(
        f"select {period}, count(*) from (select {node} from {table} where {wanted} {own} group by {node} "
        f"having count(*) filter ({cube.dimension.name} in ({listed})) < {len(always)}) group by 1"
    ).fetchall()
    problem = "a node does not list every value"
    return [Finding(ATTACK, cube.cube, day, cube.dimension.name, problem, count) for day, count in rows]
