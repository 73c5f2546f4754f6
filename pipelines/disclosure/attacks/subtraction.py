"""Attack by subtraction: recover small counts from rounded ones, over all cubes of a slice jointly.

The attacker knows how the tables are made: a count is less than a step away from what is shown, for each of
the pieces it is the sum of, and the parts of a node add up to it. Cells of several cubes that count the same
people are one unknown. Where these facts leave one whole number for a count below the threshold, it is
recovered.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date

import duckdb
import numpy as np

from pipelines.declarations.cube import TOTAL, Cube, Unit
from pipelines.disclosure.attacks.finding import CUBES, Attacked, Finding
from pipelines.disclosure.attacks.rounding import is_exact
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
        cubes: Cells that are published, with the cube they stand in.
        sums: (whole, parts).
    """

    low: dict[Key, float] = field(default_factory=dict)
    high: dict[Key, float] = field(default_factory=dict)
    cubes: dict[Key, str] = field(default_factory=dict)
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
) -> Attacked:
    """Try to recover every small count of some slices.

    Args:
        periods: Cube → slices to look at.
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
            chosen = [c for c in members if c.spine.unit is unit]
            for measure in sorted({m.name for c in chosen for m in c.measures}):
                system = _system(connection, chosen, measure, day)
                tried += len(system.cubes)
                k = min(cube.minimum_units for cube in chosen)
                small = recovered(system, k=k)
                findings += [Finding(ATTACK, cube, day, measure, "recovered exactly", n) for cube, n in small]
    return Attacked(ATTACK, TRIES, tried, tuple(sorted(findings)))


def _system(
    connection: duckdb.DuckDBPyConnection, cubes: Collection[Cube], measure: str, day: date
) -> System:
    system = System()
    for cube in cubes:
        declared = next((m for m in cube.measures if m.name == measure), None)
        if declared is None:
            continue
        pieces = len(cube.sums[measure])
        dimension = cube.dimension.name if cube.dimension else f"'{TOTAL}'"
        m, squares = identifier(measure), identifier(f"{measure}_squares")
        # Of steps with one sum of squares, equal ones have the largest sum.
        reach = f"case when {is_exact(m)} then 0 else ceil(sqrt({squares} * {pieces})) - {pieces} end"
        path = "".join(f", {column}" for column in cube.path)
        rows = connection.execute(
            f"select level, {dimension}, {m}, {reach}{path} "
            f"from {CUBES}.{identifier(cube.cube)} where {cube.spine.period.column} = ? and {m} is not null",
            [day],
        ).fetchall()
        _add(system, cube, rows, adds_up=declared.units is None)
    return system


def _add(system: System, cube: Cube, rows: list[tuple[object, ...]], *, adds_up: bool) -> None:
    split = cube.dimension.name if cube.dimension else ""
    parts: dict[Key, list[Key]] = {}
    nodes: set[Key] = set()
    for level, value, number, reach, *path in rows:
        node = (str(level), *map(str, path), *[TOTAL] * (5 - len(path)))
        cell = (*node, split, str(value))
        nodes.add(node)
        if cube.dimension is not None:
            parts.setdefault(node, []).append(cell)
        system.know(cell, float(str(number)) - float(str(reach)), float(str(number)) + float(str(reach)))
        system.cubes[cell] = cube.cube
    if not adds_up:
        return
    system.sums += [((*node, "", TOTAL), tuple(cells)) for node, cells in parts.items()]
    if cube.dimension is None:
        for node, children in _children(nodes).items():
            system.sums.append(((*node, "", TOTAL), tuple((*child, "", TOTAL) for child in children)))


def _children(nodes: Collection[Key]) -> Mapping[Key, list[Key]]:
    """Return each node with the nodes of the next finer level there is below it."""
    depths = {node[1:]: sum(part != TOTAL for part in node[1:]) for node in nodes}
    named = {node[1:]: node for node in nodes}
    levels = sorted(set(depths.values()))
    children: dict[Key, list[Key]] = {}
    for path, depth in depths.items():
        if depth > levels[0]:
            above = levels[levels.index(depth) - 1]
            parent = named.get((*path[:above], *[TOTAL] * (len(path) - above)))
            if parent is not None:
                children.setdefault(parent, []).append(named[path])
    return children


def recovered(system: System, *, k: int) -> list[tuple[str, int]]:
    """Return cube → counts from 1 to below the threshold of which only one value is possible."""
    found: dict[str, int] = {}
    for cell in sorted(_nearly_known(system)):
        low, high = _bounds(system, cell)
        if high - low < 1 and 1 <= round((low + high) / 2) < k:
            found[system.cubes[cell]] = found.get(system.cubes[cell], 0) + 1
    return sorted(found.items())


def _nearly_known(system: System) -> set[Key]:
    """Return published cells to which their own bounds, or those of one sum, leave little room."""
    room = {cell: system.high[cell] - system.low[cell] for cell in system.cubes}
    for whole, parts in system.sums:
        if whole not in system.low:
            continue
        least, most = (sum(bound[part] for part in parts) for bound in (system.low, system.high))
        room_of_whole = min(system.high[whole], most) - max(system.low[whole], least)
        # The most that one part may lie above its least, or below its most.
        room_of_parts = min(system.high[whole] - least, most - system.low[whole])
        for cell, own in ((whole, room_of_whole), *((part, room_of_parts) for part in parts)):
            if cell in room:
                room[cell] = min(room[cell], own)
    return {cell for cell, left in room.items() if left < NEARLY_KNOWN and system.high[cell] >= 1}


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
