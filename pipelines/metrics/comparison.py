"""Compare two rates, or a period with the one before, from numbers that were rounded at random."""

from dataclasses import dataclass
from math import erfc, inf, sqrt

from pipelines.declarations.errors import MetricError
from pipelines.metrics.published import SURE, Query
from pipelines.metrics.question import PERIODS, Question
from warehouse.store.connection import identifier


@dataclass(frozen=True, slots=True)
class Rate:
    """A published rate of one group.

    Attributes:
        value: ``over`` / ``under``, at most 1.
        under: How many messages or people it is a share of.
        rounding_variance: Of ``value``, from the random rounding alone (`estimate_query`).
    """

    value: float
    under: float
    rounding_variance: float


@dataclass(frozen=True, slots=True)
class Difference:
    """A second rate minus a first one.

    Attributes:
        low, high: Between them lies what many more messages would show, in 95 of 100 comparisons.
        p_value: How often so large a difference comes about by chance alone.
    """

    value: float
    low: float
    high: float
    p_value: float


def difference(first: Rate, second: Rate) -> Difference:
    """Compare two rates, whose numbers were rounded at random, by a z-test.

    The variance of each rate p of n is that of a sample plus that of the rounding:

        p (1 - p) / n + r

    Both add up because the rounding is decided by keys that know nothing of the outcome, and is right on
    average. r is the sum of the squared steps of the numbers behind the rate, over six (`<measure>_squares`,
    docs/decisions/0087), carried through the ratio by the delta method. For the interval, each rate has its
    own p (Wald); for the p-value both have the p of all messages together, as under no difference, and
    p = erfc(|z| / √2). The test of two proportions: Fleiss, Levin and Paik, Statistical Methods for Rates and
    Proportions, 3rd ed., chapter 3. A sum of sampling and rounding variance: Wolter, Introduction to
    Variance Estimation, 2nd ed., appendix D (measurement errors that are independent of the sample).

    Where there is no difference, p falls below 0.05 in 0 to 9 of 100 comparisons, and in 5 for thousands of
    messages: rounded counts move in steps. Most often it does for two groups of one size with 10 to 20 clicks
    each. A correction for continuity would hold it below 5, and find 66 differences of 0.1 and 0.3 of 100
    messages where this finds 90 (simulated; tests/unit/pipelines/metrics/test_comparison.py).

    It takes the messages of a group as independent, and both groups as other people. A step of rounding that
    ended at zero counts like any other, so where most parts of a number are zero, as those of
    `attempted_messages` are, p-values are too large rather than too small.
    """
    everyone = first.under + second.under
    together = (first.value * first.under + second.value * second.under) / everyone
    rounding = first.rounding_variance + second.rounding_variance
    by_chance = together * (1 - together) * (1 / first.under + 1 / second.under) + rounding
    own = sum(rate.value * (1 - rate.value) / rate.under for rate in (first, second)) + rounding
    value = second.value - first.value
    reach = SURE * sqrt(own)
    z = abs(value) / sqrt(by_chance) if by_chance else (inf if value else 0.0)
    return Difference(value, max(value - reach, -1.0), min(value + reach, 1.0), erfc(z / sqrt(2)))


def against_previous(metric: str, question: Question, answer: Query) -> Query:
    """Return the query that also compares each period with the one before it, where that has an answer.

    Adds `previous`, `difference`, and `difference_low` and `difference_high`, between which the true
    difference lies in 95 of 100 answers: the square-and-add limits of Zou and Donner (Statistics in
    Medicine 27, 2008), which need no more of a number than its own limits. An exact answer has no limits.

    Args:
        answer: Gives the columns of the question and the metric, with `low` and `high` unless it is exact.

    Raises:
        MetricError: The question is not split by one of day, week and month.
    """
    periods = [name for name in question.by if name in PERIODS]
    if len(periods) != 1:
        raise MetricError(f"--vs previous needs one period: add --by {' or --by '.join(PERIODS)}.")
    period, m = periods[0], identifier(metric)
    others = ", ".join(identifier(name) for name in question.by if name != period)
    before = f"(partition by {others} order by {period})" if others else f"(order by {period})"
    is_next = f"lag({period}) over {before} = {period} - interval 1 {period}"
    limits = ""
    if answer.is_rounded:
        low, high = (f"case when {is_next} then lag({limit}) over {before} end" for limit in ("low", "high"))
        limits = (
            f",\n    difference - sqrt(({m} - low) ^ 2 + ({high} - previous) ^ 2) as difference_low,\n"
            f"    difference + sqrt((high - {m}) ^ 2 + (previous - {low}) ^ 2) as difference_high"
        )
    sql = (
        f"with answer as (\n{answer.sql}\n)\nselect\n    *,\n"
        f"    case when {is_next} then lag({m}) over {before} end as previous,\n"
        f"    {m} - previous as difference{limits}\nfrom answer\norder by "
        + ", ".join(map(identifier, question.by))
    )
    return Query(sql, answer.parameters, answer.reads, is_rounded=answer.is_rounded)
