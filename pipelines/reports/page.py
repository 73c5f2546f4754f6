"""Make the page of one owner and period: headline numbers, sections, and how it compares with others."""

from dataclasses import dataclass

from pipelines.declarations.metric import load_metrics
from pipelines.pages import pages
from pipelines.reports.answers import Frames, Number, Published
from pipelines.reports.parts import TITLES, Section
from pipelines.reports.questions import HEADLINE, RATES, REACH
from pipelines.reports.ranking import compared
from pipelines.reports.sections import countries, failures, funnel, hours, trend
from pipelines.reports.tables import costs, growth, revenue
from pipelines.reports.unsure import unsure
from pipelines.reports.words import ranged, share, whole, written

TILES = ("attempted_messages", "reached_contacts", *RATES)


@dataclass(frozen=True, slots=True)
class Tile:
    """One headline number, its range, and how it changed."""

    title: str
    value: str
    range: str
    change: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Band:
    """One rate among all that are compared; places are percent of the row's width."""

    title: str
    own: str
    range: str
    quarters: tuple[str, str, str]
    places: dict[str, float]


def page(frames: Frames, published: Published, *, title: str, is_platform: bool = False) -> str:
    """Render the report of one owner as HTML that needs nothing else."""
    sections = [*_sections(frames, published, is_platform=is_platform)]
    return (
        pages()
        .get_template("report.html.j2")
        .render(
            title=title,
            span=published.span,
            days=published.days,
            summary=summary(frames),
            tiles=tiles(frames, published),
            sections=sections,
            bands=bands(frames, published),
            benchmarks=published.benchmarks,
            is_platform=is_platform,
            unsure=unsure(frames, published, is_platform=is_platform),
        )
    )


def _sections(frames: Frames, published: Published, *, is_platform: bool) -> list[Section]:
    beside = [compared(frames, published, is_workspaces=True, is_platform=True)] if is_platform else []
    return [
        funnel(frames),
        trend(frames, published),
        *beside,
        compared(frames, published, is_workspaces=False, is_platform=is_platform),
        hours(frames, published),
        failures(frames),
        countries(frames, published),
        costs(frames, published),
        revenue(frames, published),
        growth(frames, published),
    ]


def summary(frames: Frames) -> str:
    """Return the result of the period in a sentence."""
    row = frames.only(HEADLINE)
    if not row["attempted_messages"].is_known:
        return "No messages are published for this period."
    delivered, attempted = (whole(row[name].value) for name in ("delivered_messages", "attempted_messages"))
    said = f"{delivered} of {attempted} messages were delivered"
    if row["read_rate"].is_known:
        said += f"; {share(row['read_rate'].value)} of those that report reading were read"
    return said + "."


def tiles(frames: Frames, published: Published) -> list[Tile]:
    """Return the headline numbers that are published."""
    now = {**frames.only(REACH).numbers, **frames.only(HEADLINE).numbers}
    before = {**frames.only(REACH, before=True).numbers, **frames.only(HEADLINE, before=True).numbers}
    # Of different days, counts say nothing about each other.
    is_comparable = published.is_whole and published.is_before_whole
    return [
        Tile(
            title=TITLES[name],
            value=written(name, now[name].value),
            range=ranged(name, now[name]),
            change=change(name, now[name], before.get(name, Number()), since=published.span.before.title)
            if is_comparable or name.endswith("_rate")
            else "",
            meaning=load_metrics()[name].description,
        )
        for name in TILES
        if name in now and now[name].is_known
    ]


def change(name: str, now: Number, before: Number, *, since: str) -> str:
    """Return how a number changed; nothing where there is none to compare with."""
    if now.value is None or before.value is None:
        return ""
    if not now.differs_from(before):
        return f"no clear change since {since}"
    if name.endswith("_rate"):
        return f"{(now.value - before.value) * 100:+.1f} points since {since}"
    return f"{now.value / before.value - 1:+.0%} since {since}" if before.value else f"none in {since}"


def bands(frames: Frames, published: Published) -> list[Band]:
    """Return each rate among those of the workspaces that are compared."""
    row, found = frames.only(HEADLINE), []
    for rate in RATES:
        quarters = published.benchmarks.get(rate)
        own = row[rate]
        if quarters is None or own.value is None or own.low is None or own.high is None:
            continue
        low, middle, high = (float(quarters[f"rate_p{q}"]) for q in (25, 50, 75))
        # The row ends a little after the largest number in it.
        most = max(high, own.high) * 1.1 or 1.0
        spots = {"p25": low, "p50": middle, "p75": high, "own": own.value, "low": own.low, "high": own.high}
        found.append(
            Band(
                TITLES[rate],
                share(own.value),
                ranged(rate, own),
                (share(low), share(middle), share(high)),
                {name: round(100 * value / most, 2) for name, value in spots.items()},
            )
        )
    return found
