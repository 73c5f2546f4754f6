"""Attack by inference: are this contact's rows in there; did it read, click, opt out?

Two games of Yeom et al. 2018 ("Privacy risk in machine learning", experiments 1 and 2), played on worlds in
which the target's rows are its own or drawn anew from the workspace's contacts, over all cells together:

* Membership. The attacker knows something of the target's rows and says whether they are in. Advantage =
  share of right accusations - share of wrong ones.
* Attribute. The attacker says whether the target did something. Advantage = share of right guesses where the
  published numbers count the target - the same where they count somebody else in its place, so that what
  holds of everybody is no success.

0 = a coin, 1 = certainty. Two attackers: a *stranger* knows the distribution that contacts are drawn from,
and has tried the attack on worlds of its own (Fisher's linear discriminant over the cells that differ most).
An *insider* knows every row of the workspace but the one in question, and how numbers are rounded: a number
is that of the known rows, or of one more, and the likelihoods of both are compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

ADVANTAGE_ALLOWED = 0.05
# The attacker looks at so many cells: those that differed most in the worlds it tried on its own.
CELLS_USED = 24
_RESAMPLES = 500


@dataclass(frozen=True, slots=True)
class Advantage:
    """The advantage of an attacker over guessing: 0 = none, 1 = always right.

    Attributes:
        value: Mean over targets.
        low, high: 95 % confidence interval, by resampling worlds.
        targets: Contacts attacked.
        power: Share of right accusations - share of wrong ones, had it been as likely as not beforehand.
    """

    value: float
    low: float
    high: float
    targets: int
    power: float


@dataclass(frozen=True, slots=True)
class KnownCell:
    """A published cell of every world, and what the insider knows of it.

    Attributes:
        shown: As published, one per world.
        people, total, bound: Contacts counted, what they count for together, and the most one counts for.
    """

    shown: np.ndarray
    people: np.ndarray
    total: np.ndarray
    bound: np.ndarray


def features_of(cells: pl.DataFrame, *, worlds: int) -> np.ndarray:
    """Return what is published of each world as numbers: worlds x features.

    Args:
        cells: As `Worlds.publish` gives them, of any number of cubes.
    """
    name = pl.concat_str("cell", "measure", separator="|")
    named = cells.with_columns(name.cast(pl.Categorical).to_physical().alias("column"))
    names = named["column"].unique()
    named = named.with_columns(pl.col("column").replace_strict(names, range(len(names))).alias("place"))
    shape = (worlds, len(names))
    matrix = np.zeros(shape, dtype=np.float32)
    matrix[named["world"].to_numpy(), named["place"].to_numpy()] = named["number"].cast(pl.Float32).to_numpy()
    return matrix[:, matrix.std(axis=0) > 0]


def attribute_by_stranger(features: np.ndarray, truth: np.ndarray, *, seed: int = 1) -> Advantage:
    """Return how well somebody who knows the distribution alone guesses what contacts did.

    Half of the worlds are the attacker's own, to learn from; the guess is tried on the other half.

    Args:
        features: Worlds x features, as published.
        truth: Worlds x targets: whether each did it. All are drawn alike, so one stands for each.
    """
    half = len(features) // 2
    own = _accusation(truth[:half])
    weights = _discriminant(features[:half], own)
    cut = _cut(features[:half] @ weights, own)
    terms = _accusation(truth[half:]) * (features[half:] @ weights >= cut)
    prevalence = float(truth.mean())
    return _advantage(terms, targets=truth.shape[1], scale=2 * prevalence * (1 - prevalence), seed=seed)


def membership_by_stranger(
    features: np.ndarray, truth: np.ndarray, copies: np.ndarray, *, seed: int = 1
) -> Advantage:
    """Return how well somebody who knows a contact's rows guesses whether they are in.

    Args:
        features: Worlds x features, as published.
        truth: Worlds x targets: whether the target's rows are its own.
        copies: Worlds x targets: how often rows like the target's are in; the attacker learns by these.
    """
    half = len(features) // 2
    terms = np.zeros(len(features) - half)
    for target in range(truth.shape[1]):
        often = copies[:half, target] - copies[:half, target].mean()
        weights = _discriminant(features[:half], often / max(np.abs(often).sum(), 1))
        cut = _cut(features[:half] @ weights, _accusation(truth[:half, [target]]))
        terms += _accusation(truth[half:, [target]]) * (features[half:] @ weights >= cut)
    return _advantage(terms / truth.shape[1], targets=truth.shape[1], scale=1.0, seed=seed)


def _cut(scores: np.ndarray, accusation: np.ndarray) -> float:
    """Return the score from which on accusing pays most."""
    order = np.argsort(-scores, kind="stable")
    return float(scores[order[int(np.argmax(np.cumsum(accusation[order])))]])


def _accusation(truth: np.ndarray) -> np.ndarray:
    """Return what accusing all targets of a world adds to the power, mean over targets."""
    did, did_not = truth.sum(axis=0), (~truth).sum(axis=0)
    open_ = (did > 0) & (did_not > 0)
    if not open_.any():
        return np.zeros(len(truth))
    chosen = truth[:, open_]
    return np.asarray((chosen / did[open_] - ~chosen / did_not[open_]).sum(axis=1) / truth.shape[1])


def _discriminant(features: np.ndarray, accusation: np.ndarray) -> np.ndarray:
    """Return the weights of Fisher's linear discriminant over the cells that differ most."""
    centred = features - features.mean(axis=0)
    shift = accusation @ centred
    deviation = centred.std(axis=0)
    deviation[deviation == 0] = np.inf
    chosen = np.argsort(-np.abs(shift / deviation), kind="stable")[:CELLS_USED]
    spread = np.atleast_2d(np.cov(centred[:, chosen], rowvar=False))
    # Cells of the same people are rounded alike: a little more on the diagonal keeps it solvable.
    spread += np.diag(0.01 * np.diag(spread) + 1e-6)
    weights = np.zeros(features.shape[1])
    weights[chosen] = np.linalg.solve(spread, shift[chosen])
    return weights


def attribute_by_insider(
    cells: Sequence[KnownCell], truth: np.ndarray, *, base: int, seed: int = 1
) -> Advantage:
    """Return how well somebody who knows all rows but the one in question guesses it.

    Args:
        cells: Cells that the row is counted in where it is there. Those of the same people count once.
        truth: Worlds x targets: whether the row is there.
        base: What counts are rounded to; 1 = not at all.
    """
    worlds = len(truth)
    fresh = np.ones((len(cells), worlds), dtype=bool)
    for n, cell in enumerate(cells):
        for other in cells[:n]:
            fresh[n] &= (cell.people != other.people) | (cell.total != other.total)
    guilty, innocent = np.zeros(worlds), np.zeros(worlds)
    for cell, is_fresh in zip(cells, fresh, strict=True):
        guilty += is_fresh * _evidence(cell, known=1, base=base)
        innocent += is_fresh * _evidence(cell, known=0, base=base)
    did, did_not = truth.sum(axis=1), (~truth).sum(axis=1)
    right, wrong = (
        did * _guess(guilty) / max(did.sum(), 1),
        did_not * _guess(innocent) / max(did_not.sum(), 1),
    )
    prevalence = float(truth.mean())
    return _advantage(
        right - wrong, targets=truth.shape[1], scale=2 * prevalence * (1 - prevalence), seed=seed
    )


def _evidence(cell: KnownCell, *, known: int, base: int) -> np.ndarray:
    """Return the log likelihood ratio of a published cell: with the row against without it.

    Args:
        known: 1 = the row is there, so without it there would be one fewer; 0 = it is not there.
    """
    with_, without = (_likelihood(cell, cell.total - known + more, base=base) for more in (1, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(with_) - np.log(without)
    # Impossible either way: the number was cut to fit its whole, and says nothing here.
    return np.asarray(np.nan_to_num(ratio, nan=0.0, posinf=50.0, neginf=-50.0))


def _likelihood(cell: KnownCell, total: np.ndarray, *, base: int) -> np.ndarray:
    """Return the probability of what is published, if people added so much."""
    step = base * np.maximum(cell.bound, 1) if base > 1 else np.ones_like(cell.bound)
    over = total % step
    up, down = cell.shown == total - over + step, cell.shown == total - over
    return np.select([down, up], [1 - over / step, over / step], 0.0)


def _guess(evidence: np.ndarray) -> np.ndarray:
    """Return whether to accuse; a coin where both are as likely."""
    return np.where(evidence == 0, 0.5, evidence > 0)


def _advantage(terms: np.ndarray, *, targets: int, scale: float, seed: int) -> Advantage:
    """Return the sum of what each world adds to the power, with its interval.

    Args:
        scale: Advantage per power: a guess that is right of a person is also right of another one with the
            probability that both did the same, so of an attribute with prevalence p, 2 p (1 - p) is left.
    """
    random = np.random.default_rng(seed)
    drawn = random.integers(0, len(terms), (_RESAMPLES, len(terms)))
    low, high = np.quantile(terms[drawn].sum(axis=1), (0.025, 0.975))
    power = float(terms.sum())
    return Advantage(power * scale, float(low) * scale, float(high) * scale, targets, power)
