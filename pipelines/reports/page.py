"""Make the page of one owner and period: sections with a sentence, charts, and the numbers behind them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from pipelines.declarations.cube import REST
from pipelines.declarations.metric import load_metrics
from pipelines.pages import pages
from pipelines.reports import charts
from pipelines.reports.answers import Frames, Number, Published, Row
from pipelines.reports.drawing import drawn
from pipelines.reports.questions import (
    BY_CAMPAIGN,
    BY_COUNTRY,
    BY_CURRENCY,
    BY_DAY,
    BY_ERROR_CLASS,
    BY_FAILURE_CODE,
    BY_HOUR,
    BY_REVENUE,
    BY_WORKSPACE,
    FUNNEL,
    GROWTH,
    HEADLINE,
    RATES,
    REACH,
)
from pipelines.reports.unsure import unsure
from pipelines.reports.words import NONE, ranged, share, whole, written

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
# Each as `wasms metrics show` explains it: clicks, replies and opt-outs are of delivered messages.
RATE_OF = {
    "accepted_messages": "acceptance_rate",
    "delivered_messages": "delivery_rate",
    "read_messages": "read_rate",
    "clicked_messages": "click_rate",
    "replied_72h_messages": "reply_72h_rate",
    "opted_out_messages": "opt_out_rate",
}
TILES = ("attempted_messages", "reached_contacts", *RATES)
RANKED = ("read_rate", "click_rate")
SHOWN, LISTED = 10, 40
GROUPS = {REST: "Other campaigns, together", "none": "No campaign", "former": "Former workspaces"}
_KEY = 4


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


def funnel(frames: Frames) -> Section:
    """Return from how many messages were sent to how many opted out."""
    row = frames.only(HEADLINE)
    known = [name for name in FUNNEL if row[name].is_known]
    if not known:
        return Section("funnel", "From sent to opted out", "No messages are published for this period.")
    marks = [charts.counted(TITLES[name], row[name]) for name in known]
    rows = [
        (
            TITLES[name],
            whole(row[name].value),
            ranged(name, row[name]),
            _cell(RATE_OF[name], row[RATE_OF[name]]) if name in RATE_OF else "",
        )
        for name in known
    ]
    lead = "What became of the messages. The true number lies between the ends of a line, 95 times in 100."
    return Section(
        "funnel",
        "From sent to opted out",
        lead,
        [Figure(drawn(charts.bars(marks), label=_spoken("Messages by what became of them", marks)))],
        Grid(("Messages", "Number", "Range", "Rate"), rows, "Messages by what became of them"),
    )


def trend(frames: Frames, published: Published) -> Section:
    """Return delivered messages by day, over the period before."""
    span = published.span
    now, before = (
        _by_day(frames.rows(BY_DAY), span.is_month),
        _by_day(frames.before.get(BY_DAY, ()), span.is_month),
    )
    if not now:
        return Section("trend", "Day by day", "No day of this period is published.")
    labels = (
        [str(day + 1) for day in range(span.days)]
        if span.is_month
        else [d.capitalize() for d in charts.WEEKDAYS]
    )
    best = max(now, key=lambda mark: mark.number.value or 0.0)
    versus = (
        f"Short lines are {span.before.title}."
        if before
        else f"For {span.before.title} nothing is published to compare with."
    )
    when = f"on day {best.label}" if span.is_month else f"on {best.label}"
    earlier = {mark.label: mark.text for mark in before}
    return Section(
        "trend",
        "Day by day",
        f"Delivered messages by day of sending; most, {best.text}, {when}. Days without a column have no "
        "published "
        f"number. {versus}",
        [
            Figure(
                drawn(
                    charts.columns(now, before, labels),
                    label=f"Delivered messages by day; most {when}: {best.text}",
                )
            )
        ],
        Grid(
            ("Day", "Delivered", "Range", span.before.title),
            [
                (
                    mark.label,
                    mark.text,
                    ranged("delivered_messages", mark.number),
                    earlier.get(mark.label, NONE),
                )
                for mark in now
            ],
            "Delivered messages by day of sending",
        ),
        {"fill": span.title, **({"warm": span.before.title} if before else {})},
    )


def _by_day(rows: Sequence[Row], is_month: bool) -> list[charts.Mark]:
    return [
        charts.counted(
            str(day.day) if is_month else charts.WEEKDAYS[day.weekday()].capitalize(),
            row["delivered_messages"],
        )
        for row in rows
        if (day := row.keys["day"]) and row["delivered_messages"].is_known
    ]


def compared(frames: Frames, published: Published, *, is_workspaces: bool, is_platform: bool) -> Section:
    """Return workspaces or campaigns beside each other: the largest ones, ranked by their rates."""
    asked, column, title = (
        (BY_WORKSPACE, "workspace", "Workspaces compared")
        if is_workspaces
        else (BY_CAMPAIGN, "campaign", "Campaigns compared")
    )
    rows = sorted(frames.rows(asked), key=lambda row: -(row["attempted_messages"].value or 0.0))
    alone = [row for row in rows if row.keys[column] not in GROUPS]
    if not alone:
        return Section(
            column, title, f"No {column} of this period has enough contacts to stand alone.", is_wide=True
        )
    names = (
        {id(row): published.label(str(row.keys[column])) for row in rows}
        if is_workspaces
        else named(rows, column)
    )
    has_owners = not is_workspaces and is_platform
    figures = []
    for rate in RANKED:
        known = [(names[id(row)], row[rate]) for row in alone[:SHOWN] if row[rate].is_known]
        marks = [
            charts.rated(name, number)
            for name, number in sorted(known, key=lambda pair: -(pair[1].value or 0.0))
        ]
        if marks:
            label = _spoken(f"{TITLES[rate]} by {column}", marks)
            figures.append(Figure(drawn(charts.dots(marks), label=label), TITLES[rate]))
    of = f"the {SHOWN} largest of {len(alone)}" if len(alone) > SHOWN else f"all {len(alone)}"
    return Section(
        column,
        title,
        f"Ranked by rate: {of}. Where two lines overlap, the order of the two may be chance. SMS "
        "does not report reading.",
        figures,
        Grid(
            (
                column.capitalize(),
                *(["Workspace"] if has_owners else []),
                *(TITLES[m] for m in asked.metrics),
            ),
            [
                (
                    names[id(row)],
                    *([published.label(str(row.keys["workspace"]))] if has_owners else []),
                    *(_cell(name, row[name]) for name in asked.metrics),
                )
                for row in rows[:LISTED]
            ],
            f"The {min(LISTED, len(rows))} largest of {len(rows)}, with ranges",
        ),
        is_wide=True,
    )


def named(rows: Sequence[Row], column: str) -> dict[int, str]:
    """Return the identity of each row → a name that no other row has; masked names may be the same."""
    found = {
        id(row): GROUPS.get(str(row.keys[column])) or str(row.keys.get(f"{column}_name") or row.keys[column])
        for row in rows
    }
    names = list(found.values())
    return {
        id(row): name if names.count(name) == 1 else f"{name} · {str(row.keys[column])[:_KEY]}"
        for row, name in ((row, found[id(row)]) for row in rows)
    }


def hours(frames: Frames, published: Published) -> Section:
    """Return the read rate by weekday and hour."""
    title = "Best hours to send"
    marks = [charts.rated(str(row.keys["send_hour"]), row["read_rate"]) for row in frames.rows(BY_HOUR)]
    known = [mark for mark in marks if mark.number.is_known]
    sure = [mark for mark in known if not charts.is_wide(mark.number)]
    reach = charts.sure_range(known)
    if not sure or reach is None:
        return Section("hours", title, _missing("hour of sending", published, is_there=bool(known)))
    # By its lower end: an hour of few messages may look good by chance.
    best = sorted(sure, key=lambda mark: -(mark.number.low or 0.0))[:3]
    listed = ", ".join(f"{_hour(mark.label)} ({mark.text})" for mark in best)
    numbers = {str(row.keys["send_hour"]): row for row in frames.rows(BY_HOUR)}
    return Section(
        "hours",
        title,
        f"Messages sent at these hours were read most: {listed}. Small squares: too few messages to compare.",
        [
            Figure(
                drawn(
                    charts.heat(known), label=f"Read rate by weekday and hour of sending; highest: {listed}"
                )
            )
        ],
        Grid(
            ("Hour", "Sent", "Read rate", "Range", "Reply rate"),
            [
                (
                    _hour(mark.label),
                    whole(numbers[mark.label]["attempted_messages"].value),
                    mark.text,
                    ranged("read_rate", mark.number),
                    share(numbers[mark.label]["reply_72h_rate"].value),
                )
                for mark in sorted(sure, key=lambda mark: -(mark.number.low or 0.0))
            ],
            "Hours with enough messages to compare, by the lower end of their range; in the workspace's "
            "time zone",
        ),
        {"ramp": f"read rate, {share(reach[0])} to {share(reach[1])}"},
    )


def _hour(label: str) -> str:
    return f"{label[:3].capitalize()} {label[4:]}:00"


def countries(frames: Frames, published: Published) -> Section:
    """Return messages by the contact's country."""
    rows = sorted(frames.rows(BY_COUNTRY), key=lambda row: -(row["attempted_messages"].value or 0.0))
    rows = [row for row in rows if row["attempted_messages"].value]
    if not rows:
        return Section("countries", "Countries", _missing("country", published))
    marks = [
        charts.counted(country(str(row.keys["contact_country"])), row["attempted_messages"])
        for row in rows[:SHOWN]
    ]
    return Section(
        "countries",
        "Countries",
        "Messages sent, by the country of the contact's number.",
        [Figure(drawn(charts.bars(marks), label=_spoken("Messages sent by country", marks)))],
        _grid(
            "Country",
            lambda row: country(str(row.keys["contact_country"])),
            rows,
            BY_COUNTRY.metrics,
            "Messages by country",
        ),
    )


def country(code: str) -> str:
    """Return the English name of a country; what is no code of one is written out."""
    from babel import Locale

    special = {REST: "Other countries", "unknown": "Unknown"}
    return special.get(code) or str(Locale("en").territories.get(code, code))


def failures(frames: Frames) -> Section:
    """Return why messages failed: by class, and by the provider's code."""
    title, column = "Why messages failed", "error_class"
    rows = sorted(frames.rows(BY_ERROR_CLASS), key=lambda row: -(row["failed_messages"].value or 0.0))
    rows = [row for row in rows if row["failed_messages"].value]
    if not rows:
        return Section(
            "failures", title, "No failed message is published for this period; a few may be rounded down."
        )
    marks = [charts.counted(_plain(str(row.keys[column])), row["failed_messages"]) for row in rows[:SHOWN]]
    codes = [row for row in frames.rows(BY_FAILURE_CODE) if row["failed_messages"].value]
    codes.sort(key=lambda row: -(row["failed_messages"].value or 0.0))
    cells = [
        (kind, name, whole(row["failed_messages"].value), ranged("failed_messages", row["failed_messages"]))
        for kind, name, row in [
            *(("class", _plain(str(row.keys[column])), row) for row in rows),
            *(("code", str(row.keys["failure_code"]), row) for row in codes[:LISTED]),
        ]
    ]
    by_code = "" if codes else " Codes of providers are not published for this period."
    return Section(
        "failures",
        title,
        "Failed messages by class of the provider's error. Classes of which nothing is published are "
        f"left out.{by_code}",
        [
            Figure(
                drawn(
                    charts.bars(marks, colour=charts.WARM), label=_spoken("Failed messages by class", marks)
                )
            )
        ],
        Grid(
            ("By", "Class or code", "Failed", "Range"),
            cells,
            "Failed messages by class, and by provider and code",
        ),
    )


def costs(frames: Frames, published: Published) -> Section:
    """Return what messages cost, by currency; amounts of two currencies are never added up."""
    rows = [row for row in frames.rows(BY_CURRENCY) if row["cost_amount"].is_known]
    if not rows:
        return Section("costs", "Cost", _missing("currency", published))
    return Section(
        "costs",
        "Cost",
        "What messages with a price cost, by currency. Amounts of several currencies are not added up.",
        grid=_grid(
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
        return Section("revenue", "Revenue", _missing("conversion", published))
    return Section(
        "revenue",
        "Revenue",
        "What contacts bought after their last click, within a week of the message, by currency. Amounts are "
        "rounded coarsely, because few people buy: see the ranges. One that was rounded down to nothing is "
        f"not known and reads {NONE}.",
        grid=_grid(
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
        return Section("growth", "Growth of the list", _missing("change of the list", published))
    return Section(
        "growth",
        "Growth of the list",
        "Contacts who may be written to: who came, who left, and how many more there are at the month's end. "
        "Deleted contacts are not counted, because nothing is kept of them.",
        grid=_grid("", lambda _row: published.span.title, rows, GROWTH.metrics, "Growth of the list"),
        is_open=True,
    )


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


def _missing(what: str, published: Published, *, is_there: bool = False) -> str:
    if not published.span.is_month:
        return f"Numbers by {what} are known by month only: see the report of the month."
    if is_there:
        return f"No {what} has enough messages to be compared."
    return f"No numbers by {what} are published for this month."


def _grid(
    heading: str, name_of: Callable[[Row], str], rows: Sequence[Row], metrics: Sequence[str], caption: str
) -> Grid:
    return Grid(
        (heading, *(TITLES[metric] for metric in metrics)),
        [
            (
                name_of(row),
                *(_cell(metric, row[metric]) for metric in metrics),
            )
            for row in rows[:LISTED]
        ],
        caption,
    )


def _cell(metric: str, number: Number) -> Cell:
    return Cell(written(metric, number.value), ranged(metric, number) if number.is_known else "")


def _spoken(what: str, marks: Sequence[charts.Mark]) -> str:
    """Return a chart in words, for those who do not see it."""
    return f"{what}: " + ", ".join(f"{mark.label} {mark.text}" for mark in marks)


def _plain(name: str) -> str:
    return name.replace("_", " ")
