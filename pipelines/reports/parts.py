"""The parts that pages of reports are put together from: sections, charts, and the numbers behind them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from pipelines.reports import charts
from pipelines.reports.answers import Number, Published, Row
from pipelines.reports.drawing import drawn
from pipelines.reports.words import ranged, written

# Names of the numbers for people who do not know the marts.
TITLES = {
    "reached_contacts": "Contacts reached",
    "attempted_messages": "Sent",
    "accepted_messages": "Accepted by the provider",
    "delivered_messages": "Delivered",
    "read_messages": "Read",
    "clicked_messages": "Clicked a link",
    "replied_72h_messages": "Replied within 3 days",
    "opted_out_messages": "Opted out",
    "failed_messages": "Failed",
    "delivery_rate": "Delivery rate",
    "read_rate": "Read rate",
    "click_rate": "Click rate",
    "reply_72h_rate": "Reply rate",
    "opt_out_rate": "Opt-out rate",
    "failure_rate": "Failure rate",
    "cost_amount": "Cost",
    "cost_per_delivered_message": "Per delivered message",
    "cost_per_reply": "Per reply",
    "revenue_amount": "Revenue",
    "conversions": "Conversions",
    "revenue_per_conversion": "Per conversion",
    "new_contacts": "New contacts",
    "opted_out_contacts": "Opted out",
    "opted_in_contacts": "Opted in",
    "net_growth": "Growth",
}
SHOWN, LISTED = 10, 40


@dataclass(frozen=True, slots=True)
class Cell:
    """One number of a table, and its range."""

    text: str
    range: str


@dataclass(frozen=True, slots=True)
class Grid:
    """The numbers behind a chart: the first column names the row."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    caption: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One chart; ``title`` only where a section has several."""

    svg: Markup
    title: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a page. Without charts and numbers, ``lead`` says why there are none.

    Attributes:
        legend: Class of a swatch → what it stands for.
        is_wide: Whether it takes both columns of the page.
        is_open: Whether its numbers are shown without asking.
    """

    id: str
    title: str
    lead: str
    figures: Sequence[Figure] = ()
    grid: Grid | None = None
    legend: dict[str, str] = field(default_factory=dict)
    is_wide: bool = False
    is_open: bool = False


def largest(rows: Sequence[Row], metric: str) -> list[Row]:
    """Return the rows with any of a number, the largest first."""
    known = (row for row in rows if row[metric].value)
    return sorted(known, key=lambda row: -(row[metric].value or 0.0))


def bars(what: str, marks: Sequence[charts.Mark], *, colour: str = charts.FILL) -> Figure:
    """Draw marks as bars, one below the other."""
    return Figure(drawn(charts.bars(marks, colour=colour), label=spoken(what, marks)))


def grid(
    heading: str, name_of: Callable[[Row], str], rows: Sequence[Row], metrics: Sequence[str], caption: str
) -> Grid:
    """Return some numbers of each row, named by the first column."""
    return Grid(
        (heading, *(TITLES[metric] for metric in metrics)),
        [(name_of(row), *(cell(metric, row[metric]) for metric in metrics)) for row in rows[:LISTED]],
        caption,
    )


def cell(metric: str, number: Number) -> Cell:
    """Return a number as it is written, with its range."""
    return Cell(written(metric, number.value), ranged(metric, number) if number.is_known else "")


def spoken(what: str, marks: Sequence[charts.Mark]) -> str:
    """Return a chart in words, for those who do not see it."""
    return f"{what}: " + ", ".join(f"{mark.label} {mark.text}" for mark in marks)


def missing(what: str, published: Published, *, is_there: bool = False) -> str:
    """Return why there are no numbers by something."""
    if not published.span.is_month:
        return f"Numbers by {what} are known by month only: see the report of the month."
    if is_there:
        return f"No {what} has enough messages to be compared."
    return f"No numbers by {what} are published for this month."
