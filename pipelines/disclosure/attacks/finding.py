"""Represent what an attack found: where, never whom."""

from dataclasses import dataclass
from datetime import date

# Where attacked cubes lie.
CUBES = "warehouse.cubes"


@dataclass(frozen=True, order=True, slots=True)
class Finding:
    """One cell that gives away what it must not.

    Attributes:
        attack: Name of the attack.
        cube, period: The slice.
        column: The measure, or the column that is wrong.
        problem: What was found, in words without the row's keys or numbers.
        cells: How many cells have it.
    """

    attack: str
    cube: str
    period: date | None
    column: str
    problem: str
    cells: int = 1


@dataclass(frozen=True, slots=True)
class Attacked:
    """The result of one attack.

    Attributes:
        tries: What it tries, in words.
        tried: Cells, pairs of numbers, or phone numbers.
    """

    attack: str
    tries: str
    tried: int
    findings: tuple[Finding, ...] = ()
