"""Attack by subtraction: recover hidden numbers from shown ones, over all cubes of a slice jointly.

The attacker knows how the tables are made: every shown count is at most `LARGEST_NOISE` off, a coded one
lies below the threshold or nearly fills its whole, and the parts of a node add up to it. Cells of several
cubes that count the same people (the total of a node stands in each of them) are one unknown. Where these
facts leave one whole number for a hidden count below the threshold, it is recovered.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date

import duckdb
import numpy as np

from pipelines.codegen.perturbation import LARGEST_NOISE
from pipelines.declarations.cube import TOTAL, Cube, Level, Period, Unit
from pipelines.disclosure.attacks.finding import CUBES, Attacked, Finding
from warehouse.store.connection import identifier

ATTACK = "subtraction"
TRIES = "Totals minus parts, by linear programming over all cubes of a slice"
# An unknown within so many of one number is worth a linear programme.
NEARLY_KNOWN = 3.0

Key = tuple[str, ...]


@dataclass(slots=True)
class System:
    """Unknown counts with what is known of each, and sums of them that are equal.

    Attributes:
        low, high: Bounds by cell.
        hidden: Cells that are coded, with the cube they stand in.
        sums: (whole, parts).
    """

    low: dict[Key, float] = field(default_factory=dict)
    high: dict[Key, float] = field(default_factory=dict)
    hidden: dict[Key, str] = field(default_factory=dict)
    sums: list[tuple[Key, tuple[Key, ...]]] = field(default_factory=list)

    def know(self, cell: Key, low: float, high: float) -> None:
        """Narrow the bounds of a cell."""
        self.low[cell] = max(self.low.get(cell, 0.0), low)
        self.high[cell] = min(self.high.get(cell, np.inf), high)


def attack_by_subtraction(
    connection: duckdb.DuckDBPyConnection,
    cubes: Mapping[str, Cube],
    *,
    periods: Mapping[str, Collection[date]],
    largest_noise: int = LARGEST_NOISE,
) -> Attacked:
    """Try to recover every hidden count of some slices.

    Args:
        periods: Cube → slices to look at.
        largest_noise: How far a shown count may be off, as the attacker knows it.
    """
    slices = sorted(
        {(cubes[c].spine.period, day) for c, days in periods.items() if c in cubes for day in days}
    )
    tried, findings = 0, []
    for period, day in slices:
        members = [
            c for name, c in cubes.items() if c.spine.period is period and day in periods.get(name, ())
        ]
        for unit in Unit:
            for measure in sorted({m.name for c in members if c.spine.unit is unit for m in c.measures}):
                chosen = [c for c in members if c.spine.unit is unit]
                system = _system(connection, chosen, measure, day, largest_noise)
                tried += len(system.hidden)
                small = recovered(system)
                findings += [Finding(ATTACK, cube, day, measure, "recovered exactly", n) for cube, n in small]
    return Attacked(ATTACK, TRIES, tried, tuple(sorted(findings)))


def _system(
    connection: duckdb.DuckDBPyConnection,
    cubes: Collection[Cube],
    measure: str,
    day: date,
    noise: int,
) -> System:
    system = System()
    for cube in cubes:
        declared = next((m for m in cube.measures if m.name == measure), None)
        if declared is None:
            continue
        dimension = cube.dimension.name if cube.dimension else f"'{TOTAL}'"
        path = "".join(f", {column}" for column in cube.path)
        parent = declared.parent or "null"
        rows = connection.execute(
            f"select level, {dimension}, {measure}, {measure}_flag, {parent}{path} "
            f"from {CUBES}.{identifier(cube.cube)} where {cube.spine.period.column} = ? order by all",
            [day],
        ).fetchall()
        _add(system, cube, rows, noise=noise, adds_up=declared.units is None)
    return system


def _add(system: System, cube: Cube, rows: list[tuple[object, ...]], *, noise: int, adds_up: bool) -> None:
    split = cube.dimension.name if cube.dimension else ""
    parts: dict[Key, list[Key]] = {}
    nodes: set[Key] = set()
    for level, value, number, flag, whole, *path in rows:
        node = (str(level), *map(str, path), *[TOTAL] * (5 - len(path)))
        cell = (*node, split if value != TOTAL else "", str(value))
        nodes.add(node)
        if value != TOTAL:
            parts.setdefault(node, []).append(cell)
        reach = 0 if may_be_exact(cube, level) and value == TOTAL else noise
        system.know(cell, *cell_range(number, flag, whole, k=cube.minimum_units, noise=reach))
        if flag is not None:
            system.hidden[cell] = cube.cube
    if not adds_up:
        return
    if cube.dimension is not None:
        system.sums += [((*node, "", TOTAL), tuple(cells)) for node, cells in parts.items()]
    for node in nodes:
        if children := _children(node, nodes):
            system.sums.append(((*node, "", TOTAL), tuple((*child, "", TOTAL) for child in children)))


def may_be_exact(cube: Cube, level: object) -> bool:
    """Return whether totals may be without noise, as the attacker knows: a month's of the platform."""
    return cube.spine.period is Period.MONTH and level == Level.PLATFORM


def cell_range(number: object, flag: object, whole: object, *, k: int, noise: int) -> tuple[float, float]:
    """Return the least and the most that the true count of a published cell can be."""
    if isinstance(number, int):
        return number - noise, number + noise
    if flag == "<k":
        return 0, k - 1 + noise
    if flag == ">n-k" and isinstance(whole, int):
        return whole - k + 1 - 2 * noise, whole + noise
    return 0, np.inf


def _children(node: Key, nodes: Collection[Key]) -> list[Key]:
    """Return the nodes of the next finer level there is, below a node."""
    depth = sum(part != TOTAL for part in node[1:])
    below = [n for n in nodes if n[1 : 1 + depth] == node[1 : 1 + depth] and n != node]
    depths = {n: sum(part != TOTAL for part in n[1:]) for n in below}
    finer = min((d for d in depths.values() if d > depth), default=0)
    return sorted(n for n, d in depths.items() if d == finer) if finer else []


def recovered(system: System) -> list[tuple[str, int]]:
    """Return cube → small hidden counts of which only one value is possible."""
    suspects = [cell for cell in system.hidden if _nearly_known(system, cell)]
    found: dict[str, int] = {}
    for cell in suspects:
        low, high = _bounds(system, cell)
        if high - low < 1 and 1 <= round((low + high) / 2) <= 10:
            found[system.hidden[cell]] = found.get(system.hidden[cell], 0) + 1
    return sorted(found.items())


def _nearly_known(system: System, cell: Key) -> bool:
    """Return whether one sum alone leaves little room: the whole minus the other parts."""
    widths = [
        sum(system.high[c] - system.low[c] for c in (whole, *parts) if c != cell and c in system.low)
        for whole, parts in system.sums
        if cell == whole or cell in parts
    ]
    own = system.high[cell] - system.low[cell]
    return min([own, *widths]) < NEARLY_KNOWN


def _bounds(system: System, cell: Key) -> tuple[float, float]:
    """Return the least and the greatest value that a cell can have, by linear programming (HiGHS)."""
    # Heavy, and few slices leave anything that is nearly known.
    from scipy.optimize import linprog
    from scipy.sparse import csr_matrix

    cells = sorted(system.low)
    place = {each: n for n, each in enumerate(cells)}
    entries = [
        (row, place[each], sign)
        for row, (whole, parts) in enumerate(system.sums)
        for each, sign in ((whole, 1.0), *((part, -1.0) for part in parts))
        if each in place
    ]
    rows, columns, values = zip(*entries, strict=True) if entries else ((), (), ())
    matrix = csr_matrix((values, (rows, columns)), shape=(len(system.sums), len(cells)))
    bounds = [(system.low[each], min(system.high[each], 1e9)) for each in cells]
    ends = []
    for direction in (1.0, -1.0):
        target = np.zeros(len(cells))
        target[place[cell]] = direction
        result = linprog(target, A_eq=matrix, b_eq=np.zeros(len(system.sums)), bounds=bounds, method="highs")
        # Bounds that contradict each other say nothing.
        ends.append(float(result.x[place[cell]]) if result.success else direction * -np.inf)
    return ends[0], ends[1]
