"""Compute how much the noise lets through where audiences differ by one contact, again and again.

The strongest attacker there is: knows, for each pair of audiences A and A + one contact, what everybody but
that contact did, and the distribution of the noise; wants to know whether the contact always did it or
never. What is published then says: the known count, plus 0 or 1, plus noise. Campaigns of one day with such
audiences are one group, so the pairs are of different days.
"""

from collections.abc import Sequence

import numpy as np

from pipelines.codegen.perturbation import LARGEST_NOISE

PAIRS = (1, 3, 10, 30)
_TRIALS = 20_000


def overlap_accuracy(noises: Sequence[int], pairs: int, *, is_steady: bool, seed: int = 1) -> float:
    """Return the share of contacts of whom the attacker guesses right; 0.5 is a coin.

    Args:
        noises: The noise of a large count for each cell key, each key as likely as any other.
        pairs: Pairs of audiences seen.
        is_steady: The same people did it on every day: their cell has the same key, so the same noise.
        seed: Equal seeds give equal answers.
    """
    random = np.random.default_rng(seed)
    steps = np.arange(-LARGEST_NOISE, LARGEST_NOISE + 2)
    chances = np.array([np.mean(np.asarray(noises) == step) for step in steps])
    with np.errstate(divide="ignore"):
        without, with_ = np.log(chances), np.log(np.roll(chances, 1))
    did = random.integers(0, 2, _TRIALS)
    drawn = random.choice(np.asarray(noises), size=(_TRIALS, 1 if is_steady else pairs))
    seen = drawn + did[:, np.newaxis] + LARGEST_NOISE
    for_, against = with_[seen].sum(axis=1), without[seen].sum(axis=1)
    right = np.where(for_ == against, 0.5, (for_ > against) == did)
    return float(right.mean())
