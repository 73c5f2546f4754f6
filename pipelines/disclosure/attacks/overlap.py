"""Compute how much rounding lets through where cells differ by one contact, again and again.

The strongest attacker there is: knows, for each pair of audiences A and A + one contact, what everybody but
that contact did, and how numbers are rounded; wants to know whether the contact always did it or never. What
is published then is the known count, or one more, rounded up or down with a known probability. Campaigns of
one day with such audiences are one group, so the pairs are of different days.

Each cell that counts one fact is such a pair too: with the contact's row, or without it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from pipelines.declarations.cube import Cube, Unit

PAIRS = (1, 3, 10, 30)
_TRIALS = 20_000


def overlap_accuracy(base: int, pairs: int, *, is_steady: bool) -> float:
    """Return the share of contacts of whom the attacker guesses right; 0.5 is a coin.

    Args:
        base: Counts are rounded to multiples of it.
        pairs: Pairs of audiences seen.
        is_steady: The same people did it on every day: their cell has the same key, so the same number.
    """
    random = np.random.default_rng(1)
    shape = (_TRIALS, 1 if is_steady else pairs)
    known, did = random.integers(0, base, shape), random.integers(0, 2, _TRIALS)
    is_up = random.random(shape) < (known + did[:, np.newaxis]) / base
    with np.errstate(divide="ignore"):
        ups = [np.log((known + more) / base) for more in (0, 1)]
        downs = [np.log1p(-(known + more) / base) for more in (0, 1)]
    without, with_ = (np.where(is_up, up, down).sum(axis=1) for up, down in zip(ups, downs, strict=True))
    right = np.where(with_ == without, 0.5, (with_ > without) == did)
    return float(right.mean())


def cells_per_fact(cubes: Iterable[Cube]) -> Mapping[str, int]:
    """Return measure → published cells that count one row of it: one at each level of each cube, at most."""
    found: Counter[str] = Counter()
    for cube in cubes:
        if cube.spine.unit is Unit.CONTACT:
            found.update({measure.name: len(cube.levels) for measure in cube.measures})
    return dict(found.most_common())
