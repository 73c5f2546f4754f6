"""Sections of a report that are tables: cost, revenue, growth of the list."""

from pipelines.reports.answers import Frames, Published
from pipelines.reports.parts import Section, grid, missing
from pipelines.reports.questions import BY_CURRENCY, BY_REVENUE, GROWTH
from pipelines.reports.words import NONE


def costs(frames: Frames, published: Published) -> Section:
    """Return what messages cost, by currency; amounts of two currencies are never added up."""
    rows = [row for row in frames.rows(BY_CURRENCY) if row["cost_amount"].is_known]
    if not rows:
        return Section("costs", "Cost", missing("currency", published))
    return Section(
        "costs",
        "Cost",
        "What messages with a price cost, by currency. Amounts of several currencies are not added up.",
        grid=grid(
            "Currency",
            lambda row: str(row.keys["cost_currency"]),
            rows,
            BY_CURRENCY.metrics,
            "Cost by currency",
        ),
        is_open=True,
    )


def revenue(frames: Frames, published: Published) -> Section:
    """Return what people spent after a click, by currency."""
    rows = [row for row in frames.rows(BY_REVENUE) if row["conversions"].value]
    if not rows:
        return Section("revenue", "Revenue", missing("conversion", published))
    return Section(
        "revenue",
        "Revenue",
        "What contacts bought after their last click, within a week of the message, by currency. Amounts are "
        "rounded coarsely, because few people buy: see the ranges. One that was rounded down to nothing is "
        f"not known and reads {NONE}.",
        grid=grid(
            "Currency",
            lambda row: str(row.keys["revenue_currency"]),
            rows,
            BY_REVENUE.metrics,
            "Revenue by currency",
        ),
        is_open=True,
    )


def growth(frames: Frames, published: Published) -> Section:
    """Return how the list of contacts grew."""
    rows = [row for row in frames.rows(GROWTH) if row["net_growth"].is_known]
    if not rows:
        return Section("growth", "Growth of the list", missing("change of the list", published))
    return Section(
        "growth",
        "Growth of the list",
        "Contacts who may be written to: who came, who left, and how many more there are at the month's end. "
        "Deleted contacts are not counted, because nothing is kept of them.",
        grid=grid("", lambda _row: published.span.title, rows, GROWTH.metrics, "Growth of the list"),
        is_open=True,
    )
