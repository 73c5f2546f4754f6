"""Sections of a report that are tables: cost, revenue, growth of the list."""

from collections.abc import Sequence

from pipelines.reports.answers import Frames, Published, Row
from pipelines.reports.parts import Section, grid, missing
from pipelines.reports.questions import BY_CURRENCY, BY_REVENUE, GROWTH, Asked
from pipelines.reports.words import NONE


def costs(frames: Frames, published: Published) -> Section:
    """Return what messages cost, by currency; amounts of two currencies are never added up."""
    rows = [row for row in frames.rows(BY_CURRENCY) if row["cost_amount"].is_known]
    lead = "What messages with a price cost, by currency. Amounts of several currencies are not added up."
    return _by_currency("costs", "Cost", lead, rows, BY_CURRENCY, missing("currency", published))


def revenue(frames: Frames, published: Published) -> Section:
    """Return what people spent after a click, by currency."""
    rows = [row for row in frames.rows(BY_REVENUE) if row["conversions"].value]
    lead = (
        "What contacts bought after their last click, within a week of the message, by currency. Amounts are "
        "rounded coarsely, because few people buy: see the ranges. One that was rounded down to nothing is "
        f"not known and reads {NONE}."
    )
    return _by_currency("revenue", "Revenue", lead, rows, BY_REVENUE, missing("conversion", published))


def growth(frames: Frames, published: Published) -> Section:
    """Return how the list of contacts grew."""
    rows = [row for row in frames.rows(GROWTH) if row["net_growth"].is_known]
    title, why_not = "Growth of the list", missing("change of the list", published)
    lead = (
        "Contacts who may be written to: who came, who left, and how many more there are at the month's end. "
        "Deleted contacts are not counted, because nothing is kept of them."
    )
    if not rows:
        return Section("growth", title, why_not)
    numbers = grid("", lambda _row: published.span.title, rows, GROWTH.metrics, title)
    return Section("growth", title, lead, grid=numbers, is_open=True)


def _by_currency(id_: str, title: str, lead: str, rows: Sequence[Row], asked: Asked, why_not: str) -> Section:
    if not rows:
        return Section(id_, title, why_not)
    (currency,) = asked.by
    numbers = grid(
        "Currency", lambda row: str(row.keys[currency]), rows, asked.metrics, f"{title} by currency"
    )
    return Section(id_, title, lead, grid=numbers, is_open=True)
