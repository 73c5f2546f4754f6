"""Attack by differencing: recover a slice from sums over many, a day from its month or the reverse.

The attacker knows that messages of the days add up to those of their month, for the platform and for each
workspace that is named in both. Shown counts are at most `LARGEST_NOISE` off; where one whole number is left
for a hidden one below the threshold, it is recovered. Any windows of days can be attacked like this, also
sliding ones, which is why there are none.
"""

from collections.abc import Collection, Mapping
from datetime import date

import duckdb

from pipelines.codegen.perturbation import LARGEST_NOISE
from pipelines.declarations.cube import Cube, Level, Period
from pipelines.disclosure.attacks.finding import CUBES, Attacked, Finding
from pipelines.disclosure.attacks.subtraction import Key, System, cell_range, may_be_exact, recovered
from warehouse.store.connection import identifier

ATTACK = "differencing"
TRIES = "Months minus days"


def attack_by_differencing(
    connection: duckdb.DuckDBPyConnection,
    cubes: Mapping[str, Cube],
    *,
    periods: Mapping[str, Collection[date]],
    largest_noise: int = LARGEST_NOISE,
) -> Attacked:
    """Try to recover hidden counts of days from those of their months, and the other way round.

    Args:
        periods: Cube → slices to look at; a month is attacked with all of its days that are there.
        largest_noise: How far a shown count may be off, as the attacker knows it.
    """
    days = [c for c in cubes.values() if c.spine.period is Period.DAY and c.dimension is None]
    months = [c for c in cubes.values() if c.spine.period is Period.MONTH and c.dimension is None]
    tried = 0
    findings: list[Finding] = []
    for monthly in months:
        for daily in days:
            shared = {m.name for m in monthly.measures if m.units is None} & {m.name for m in daily.measures}
            for measure in sorted(shared):
                for month in sorted(periods.get(monthly.cube, ())):
                    system = _system(connection, (daily, monthly), measure, month, largest_noise)
                    tried += len(system.hidden)
                    for place, cells in recovered(system):
                        cube, _, period = place.partition(" ")
                        findings.append(
                            Finding(
                                ATTACK, cube, date.fromisoformat(period), measure, "recovered exactly", cells
                            )
                        )
    return Attacked(ATTACK, TRIES, tried, tuple(sorted(findings)))


def _system(
    connection: duckdb.DuckDBPyConnection,
    pair: tuple[Cube, Cube],
    measure: str,
    month: date,
    noise: int,
) -> System:
    system = System()
    parts: dict[str, list[Key]] = {}
    wholes: dict[str, Key] = {}
    for cube in pair:
        period = cube.spine.period.column
        parent = next(m.parent for m in cube.measures if m.name == measure) or "null"
        rows = connection.execute(
            f"select {period}, workspace_key, level, {measure}, {measure}_flag, {parent} "
            f"from {CUBES}.{identifier(cube.cube)} "
            f"where date_trunc('month', {period}) = ? and level in ('{Level.PLATFORM}', '{Level.WORKSPACE}') "
            "order by all",
            [month],
        ).fetchall()
        for day, workspace, level, number, flag, whole in rows:
            cell = (cube.cube, str(day), str(workspace))
            reach = 0 if may_be_exact(cube, level) else noise
            system.know(cell, *cell_range(number, flag, whole, k=cube.minimum_units, noise=reach))
            if flag is not None:
                system.hidden[cell] = f"{cube.cube} {day}"
            if cube.spine.period is Period.MONTH:
                wholes[workspace] = cell
            else:
                parts.setdefault(workspace, []).append(cell)
    _add_up(system, wholes, parts)
    return system


def _add_up(system: System, wholes: Mapping[str, Key], parts: Mapping[str, list[Key]]) -> None:
    """Add that a month is the sum of its days, and of something more where a workspace lacks days."""
    days = max((len(cells) for cells in parts.values()), default=0)
    for workspace, whole in wholes.items():
        cells = parts.get(workspace, [])
        if len(cells) < days:
            unnamed = ("unnamed", str(whole[1]), workspace)
            system.know(unnamed, 0, float("inf"))
            cells = [*cells, unnamed]
        system.sums.append((whole, tuple(cells)))
