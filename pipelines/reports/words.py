"""Write numbers in words of a page: counts, shares, amounts, and the range of each."""

from pipelines.reports.answers import Number

NONE = "–"
# Below it, a share needs a digit more to be told from its neighbours.
_SMALL_SHARE = 0.01
_LARGE_AMOUNT = 10


def whole(value: float | None) -> str:
    """Return a count."""
    return NONE if value is None else f"{value:,.0f}"


def share(value: float | None) -> str:
    """Return a rate in percent."""
    if value is None:
        return NONE
    return f"{value:.2%}" if 0 < value < _SMALL_SHARE else f"{value:.1%}"


def amount(value: float | None) -> str:
    """Return an amount of money, small ones with four digits."""
    if value is None:
        return NONE
    return f"{value:,.2f}" if value >= _LARGE_AMOUNT else f"{value:,.4f}"


def written(metric: str, value: float | None) -> str:
    """Return a number as its metric is written."""
    if metric.endswith("_rate"):
        return share(value)
    return amount(value) if metric.startswith(("cost_", "revenue_")) else whole(value)


def ranged(metric: str, number: Number) -> str:
    """Return between which two the true number lies; nothing where it is not known."""
    if number.low is None or number.high is None:
        return NONE
    return f"{written(metric, number.low)} to {written(metric, number.high)}"
