"""Attack by rounding: look for exact numbers, rows of too few people, and cells that are not there."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date

import duckdb

from pipelines.declarations.cube import REST, Cube, Period
from pipelines.declarations.disclosure import load_disclosure
from pipelines.disclosure.attacks.finding import CUBES, Attacked, Finding
from warehouse.store.connection import identifier, quoted

ATTACK = "rounding"
TRIES = "A number that is not rounded, a row of fewer people than the threshold, or a missing cell"
# The one count of people that every node of a day has enough of.
_POPULATION = "audience_contacts"


def attack_rounding(
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
        period = cube.spine.period.column
        listed = ", ".join(f"date '{day}'" for day in sorted(days))
        wanted = f"{period} in ({listed})"
        rules = list(_rules(cube))
        counted = ", ".join(f"count(*) filter ({condition})" for _, _, condition in rules)
        rows = connection.execute(
            f"select {period}, count(*), {counted} from {table} where {wanted} group by {period}"
        ).fetchall()
        for day, cells, *found in rows:
            tried += cells * len(cube.measures)
            findings += [
                Finding(ATTACK, name, day, column, problem, count)
                for (column, problem, _), count in zip(rules, found, strict=True)
                if count
            ]
        findings += _unlisted(connection, cube, table, wanted)
    return Attacked(ATTACK, TRIES, tried, tuple(sorted(findings)))


def is_exact(column: str) -> str:
    """Return an SQL condition: a number is no multiple of the base, so it was not rounded."""
    return f"{column} % {load_disclosure().rounding_base} <> 0"


def _rules(cube: Cube) -> Iterator[tuple[str, str, str]]:
    """Yield column, what is wrong, and the condition by which it is found."""
    for measure in cube.measures:
        m = identifier(measure.name)
        yield measure.name, "a number is exact", is_exact(m)
        yield measure.name, "a number is negative", f"{m} < 0"
        if measure.at_most is not None:
            whole = identifier(measure.at_most)
            yield measure.name, "a part is larger than its whole", f"{m} > {whole}"
        if measure.name == _POPULATION and cube.spine.period is Period.DAY:
            # However far it was rounded down, so many people have more than the step below.
            least = cube.minimum_units - load_disclosure().rounding_base
            yield measure.name, "a row counts fewer people than the threshold", f"{m} <= {least}"


def _unlisted(
    connection: duckdb.DuckDBPyConnection, cube: Cube, table: str, wanted: str
) -> Iterable[Finding]:
    """Find nodes that do not list every value or the rest: what is missing says that nobody had it."""
    if cube.dimension is None or cube.spine.leaves is None:
        return []
    always = cube.dimension.values or (REST,)
    listed = ", ".join(quoted(value) for value in always)
    period = cube.spine.period.column
    node = ", ".join((period, "level", *cube.path))
    rows = connection.execute(
        f"select {period}, count(*) from (select {node} from {table} where {wanted} "
        f"and workspace_key <> 'former' group by {node} "
        f"having count(*) filter ({cube.dimension.name} in ({listed})) < {len(always)}) group by 1"
    ).fetchall()
    problem = "a node does not list every value"
    return [Finding(ATTACK, cube.cube, day, cube.dimension.name, problem, count) for day, count in rows]
