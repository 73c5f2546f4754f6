"""Attack by revisions: compare a slice as published before and now, to learn what changed.

The attacker subtracts the earlier number from the present one. Where both are exact, a small difference is
known: so many messages of so few people came late. Every other number is off by up to `LARGEST_NOISE` in each
revision, and by different noise in each, because different people are counted; sums over cells only widen the
range.
"""

from collections.abc import Collection, Mapping
from datetime import date

import duckdb

from pipelines.codegen.perturbation import LARGEST_NOISE
from pipelines.declarations.cube import TOTAL, Cube, Level, Period
from pipelines.disclosure.attacks.finding import CUBES, Attacked, Finding
from warehouse.publishing.revisions import earlier, has_revisions
from warehouse.store.connection import identifier

ATTACK = "revisions"
TRIES = "A slice that was reissued minus its earlier revision"


def attack_revisions(
    connection: duckdb.DuckDBPyConnection,
    cubes: Mapping[str, Cube],
    *,
    periods: Mapping[str, Collection[date]],
    largest_noise: int = LARGEST_NOISE,
) -> Attacked:
    """Try to learn what changed between each earlier revision of some slices and the present one.

    Args:
        periods: Cube → slices to look at.
        largest_noise: How far a shown count may be off, as the attacker knows it.
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
                f"and {'true' if largest_noise == 0 else is_exact(cube)}) "
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


def is_exact(cube: Cube) -> str:
    """Return an SQL condition on `new`: the cell may be without noise."""
    if cube.spine.period is not Period.MONTH:
        return "false"
    total = f" and new.{identifier(cube.dimension.name)} = '{TOTAL}'" if cube.dimension else ""
    return f"(new.level = '{Level.PLATFORM}'{total})"


def may_change(cube: Cube) -> str:
    """Return an SQL condition on `new` and `old`: the row differs enough to replace the published one.

    Some number differs by at least k; in an exact row, every number that differs does.
    """
    enough = " or ".join(f"{each} >= {cube.minimum_units}" for each in _differences(cube))
    return f"({enough}) and not ({_is_exact_and_differs_by_little(cube)})"


def row_that_stays(cube: Cube) -> str:
    """Return SQL for a row that stays: `old`, but `new` for measures that were declared since.

    Such a measure is coded where it could be taken together with the others to learn what changed.
    """
    cells = [f"old.{identifier(key)}" for key in cube.keys]
    is_telling = _is_exact_and_differs_by_little(cube)
    for measure in cube.measures:
        for name, coded in ((measure.name, "null"), (f"{measure.name}_flag", "'<k'")):
            column = identifier(name)
            cells.append(
                f"case when {_was_counted(measure.name)} then old.{column} "
                f"when {is_telling} then {coded} else new.{column} end as {column}"
            )
    return ", ".join(cells)


def _is_exact_and_differs_by_little(cube: Cube) -> str:
    little = " or ".join(f"{each} between 1 and {cube.minimum_units - 1}" for each in _differences(cube))
    return f"({is_exact(cube)} and ({little}))"


def _differences(cube: Cube) -> list[str]:
    """Return SQL for how much each number of `new` differs from `old`; 0 where it was not counted then."""
    return [
        f"case when {_was_counted(m.name)} "
        f"then abs({_size(cube, m.name, 'new')} - {_size(cube, m.name, 'old')}) else 0 end"
        for m in cube.measures
    ]


def _was_counted(measure: str) -> str:
    """Return an SQL condition: the old row has a number or its code, so the measure was declared then."""
    return f"coalesce(old.{identifier(measure)}::varchar, old.{identifier(f'{measure}_flag')}) is not null"


def _size(cube: Cube, measure: str, revision: str) -> str:
    """Return SQL for a number of a revision, or an estimate where it is coded."""
    parent = next(m.parent for m in cube.measures if m.name == measure)
    whole = f"coalesce({revision}.{identifier(parent)}, 0)" if parent else "0"
    m, flag = (f"{revision}.{identifier(name)}" for name in (measure, f"{measure}_flag"))
    return f"coalesce({m}, case when {flag} = '>n-k' then {whole} else 0 end)"
