"""Compute the perturbation table: the noise that a count gets by its cell key.

Cell-key perturbation as in the censuses of Australia and the United Kingdom (Fraser & Wooton, "A proposed
method for confidentialising tabular output to protect against differencing", 2005; Marley & Leaver 2011):
every record has a random key, a cell's key is the sum of its records' keys, and the noise is looked up by
count and cell key. So the same people always give the same noise, in every table and at every repetition.
The noise of each count is the distribution of greatest entropy with a given mean, variance and range, as in
the R package ptable (Enderle): nothing but these is known of it.
"""

import csv
import io
from collections.abc import Sequence
from functools import cache

import numpy as np

# A cell's noise is looked up by one byte of its key.
NOISE_KEYS = 256
VARIANCE = 4.0
LARGEST_NOISE = 6
# A cell of n people has noise from -n to this many more: the smaller n, the less room for an unbiased one.
_STEPS = range(-LARGEST_NOISE, LARGEST_NOISE + 1)


def last_count() -> int:
    """Return the count from which on all have the same noise: there is room for all of it below."""
    return LARGEST_NOISE


def probabilities(count: int, *, variance: float = VARIANCE) -> np.ndarray:
    """Return the probability of each noise from -6 to 6 for a count, by greatest entropy.

    Mean 0; the given variance, or as much as there is room for: noise never makes a count negative, and
    none is added to nobody.

    Returns:
        13 numbers that sum to 1.
    """
    # Heavy, and only `wasms sync` and attacks compute tables of noise.
    from scipy.optimize import brentq

    steps = np.array(_STEPS, dtype=float)
    allowed = steps >= -count
    if count == 0:
        return np.where(steps == 0, 1.0, 0.0)
    lowest = steps[allowed].min()
    # With mean 0 the variance is largest on the two ends alone; half of that leaves room for all between.
    variance = min(variance, -lowest * LARGEST_NOISE / 2)

    def density(curvature: float) -> np.ndarray:
        def tilted(slope: float) -> np.ndarray:
            exponents = np.where(allowed, slope * steps - curvature * steps**2, -np.inf)
            weights = np.exp(exponents - exponents.max())
            return np.asarray(weights / weights.sum())

        slope = brentq(lambda s: float(tilted(s) @ steps), -50, 50, xtol=1e-13)
        return tilted(slope)

    curvature = brentq(lambda c: float(density(c) @ steps**2) - variance, -5, 50, xtol=1e-13)
    return density(curvature)


def noises(count: int) -> list[int]:
    """Return the noise of a count for each cell key from 0 to 255.

    Every key is as likely as any other, so each noise gets its share of the 256: the largest remainders,
    then moved between neighbours until the mean over all keys is exactly 0. Whole keys lose the tails, so
    the density is taken a little wider, until the variance over all keys is as near to 4 as it gets.
    Neighbouring keys get noises that are far apart, in an order that is fixed.
    """
    candidates = [_shares(probabilities(count, variance=VARIANCE + 0.02 * step)) for step in range(30)]
    shares = min(candidates, key=lambda each: abs(_variance(each) - VARIANCE))
    ordered = [step for step, share in zip(_STEPS, shares, strict=True) for _ in range(share)]
    # 97 has no divisor in common with 256, so every place is filled once.
    return [ordered[key * 97 % NOISE_KEYS] for key in range(NOISE_KEYS)]


def _variance(shares: Sequence[int]) -> float:
    return sum(share * step**2 for share, step in zip(shares, _STEPS, strict=True)) / NOISE_KEYS


def _shares(density: np.ndarray) -> list[int]:
    """Return whole numbers of keys that sum to 256, as near to a density as an exact mean of 0 allows."""
    exact = density * NOISE_KEYS
    shares = np.floor(exact).astype(int)
    by_remainder = np.argsort(-(exact - shares), kind="stable")
    shares[by_remainder[: NOISE_KEYS - shares.sum()]] += 1
    steps = np.array(_STEPS)
    while (mean := int(shares @ steps)) != 0:
        # One key moves one step towards balance, where it strays least from the density.
        sources = [i for i in range(len(shares)) if shares[i] > 0 and _is_inside(i, mean, exact)]
        target = -1 if mean > 0 else 1
        best = min(sources, key=lambda i: _strain(shares, exact, i, i + target))
        shares[best] -= 1
        shares[best + target] += 1
    return [int(share) for share in shares]


def _is_inside(place: int, mean: int, exact: np.ndarray) -> bool:
    neighbour = place + (-1 if mean > 0 else 1)
    return 0 <= neighbour < len(exact) and bool(exact[neighbour] > 0)


def _strain(shares: np.ndarray, exact: np.ndarray, source: int, target: int) -> float:
    moved = shares.astype(float).copy()
    moved[source] -= 1
    moved[target] += 1
    return float(np.square(moved - exact).sum())


def perturbation_table() -> list[tuple[int, int, int]]:
    """List count, cell key and noise: 7 x 256 rows, in order. The last count stands for every larger one."""
    return [
        (count, key, noise) for count in range(last_count() + 1) for key, noise in enumerate(noises(count))
    ]


@cache
def perturbation_seed() -> str:
    """Return the table as the text of the seed `perturbation.csv`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("contacts", "cell_key", "noise"))
    writer.writerows(perturbation_table())
    return text.getvalue()
