"""Attack by revisions: compare a slice as published before and now, to learn what changed.

The attacker subtracts the earlier number from the present one. Where both are exact, a small difference is
known: so many messages of so few people came late. A rounded number is off by up to a step in each revision,
and differently in each, because different people are counted; sums over cells only widen the range.
"""

from collections.abc import Collection, Mapping
from datetime import date

import duckdb

from pipelines.declarations.cube import Cube
from pipelines.disclosure.attacks.finding import CUBES, Attacked, Finding
from pipelines.disclosure.attacks.rounding import is_exact
from warehouse.publishing.revisions import earlier, has_revisions
from warehouse.store.connection import identifier

ATTACK = "revisions"
TRIES = "A slice that was reissued minus its earlier revision"


def attack_revisions(
    connection: duckdb.DuckDBPyConnection,
    cubes: Mapping[str, Cube],
    *,
    periods: Mapping[str, Collection[date]],
) -> Attacked:
    """Try to learn what changed between each earlier revision of some slices and the present one.

    Args:
        periods: Cube → slices to look at.
    """
    tried, findings = 0, []
    for name, days in periods.items():
        if name not in cubes or not days or not has_revisions(connection, name):
            continue
        cube = cubes[name]
        same = " and ".join(f"new.{identifier(key)} = old.{identifier(key)}" for key in cube.keys)
        period = cube.spine.period.column
        for measure in cube.measures:
            m = identifier(measure.name)
            pairs = f"{CUBES}.{identifier(name)} as new inner join {earlier(name)} as old on {same}"
            rows = connection.execute(
                f"select new.{period}, count(*), count(*) filter (abs(new.{m} - old.{m}) between 1 and ? "
                f"and {is_exact(f'new.{m}')} and {is_exact(f'old.{m}')}) "
                f"from {pairs} where new.{period} in (select unnest(?)) group by all",
                [cube.minimum_units - 1, list(days)],
            ).fetchall()
            tried += sum(cells for _, cells, _ in rows)
            findings += [
                Finding(
                    ATTACK, name, day, measure.name, "what changed since the last revision is known", found
                )
                for day, _, found in rows
                if found
            ]
    return Attacked(ATTACK, TRIES, tried, tuple(sorted(findings)))


def may_change(cube: Cube) -> str:
    """Return an SQL condition on `new` and `old`: some number differs by k, so `new` may replace `old`."""
    names = (identifier(measure.name) for measure in cube.measures)
    differs = (f"coalesce(abs(new.{m} - old.{m}), 0) >= {cube.minimum_units}" for m in names)
    return f"({' or '.join(differs)})"


def row_that_stays(cube: Cube) -> str:
    """Return SQL for a row that stays: `old`, but `new` for measures that were declared since."""
    columns = [f"old.{identifier(key)}" for key in cube.keys]
    numbers = [name for m in cube.measures for name in (m.name, f"{m.name}_squares")]
    columns += [f"coalesce(old.{n}, new.{n}) as {n}" for n in map(identifier, numbers)]
    return ", ".join(columns)
