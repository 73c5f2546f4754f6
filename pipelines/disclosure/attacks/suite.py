"""Run all attacks on slices that are about to be published, and take out what they find."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

import duckdb

from pipelines.declarations.cube import Cube
from pipelines.disclosure.attacks import differencing, revisions, rounding, subtraction
from pipelines.disclosure.attacks.finding import CUBES, Attacked, Finding
from warehouse.publishing.releases import Key
from warehouse.store.connection import identifier

ATTACKS: Mapping[str, Callable[..., Attacked]] = {
    rounding.ATTACK: rounding.attack_rounding,
    subtraction.ATTACK: subtraction.attack_by_subtraction,
    differencing.ATTACK: differencing.attack_by_differencing,
    revisions.ATTACK: revisions.attack_revisions,
}


def attack(
    connection: duckdb.DuckDBPyConnection,
    cubes: Mapping[str, Cube],
    slices: Iterable[Key],
) -> list[Attacked]:
    """Try every attack on some slices, jointly where they are of one period."""
    periods = defaultdict(set)
    for cube, period in slices:
        periods[cube].add(period)
    return [each(connection, cubes, periods=periods) for each in ATTACKS.values()]


def coarsen_slices(
    connection: duckdb.DuckDBPyConnection, cubes: Mapping[str, Cube], findings: Iterable[Finding]
) -> None:
    """Take out what attacks found: empty a measure of a slice, or delete the slice where its form is wrong.

    Args:
        connection: With the database `warehouse` attached for writing.
    """
    for finding in findings:
        cube = cubes[finding.cube]
        table, period = f"{CUBES}.{identifier(cube.cube)}", cube.spine.period.column
        measures = {measure.name for measure in cube.measures}
        if finding.column in measures:
            m, squares = identifier(finding.column), identifier(f"{finding.column}_squares")
            connection.execute(
                f"update {table} set {m} = null, {squares} = null where {period} = ?", [finding.period]
            )
        else:
            connection.execute(f"delete from {table} where {period} = ?", [finding.period])
