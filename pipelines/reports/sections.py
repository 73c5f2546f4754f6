"""Sections of a report with a chart: what became of messages, day by day, hours, countries, failures."""

from collections.abc import Sequence

from pipelines.declarations.cube import REST
from pipelines.reports import charts
from pipelines.reports.answers import Frames, Published, Row
from pipelines.reports.drawing import drawn
from pipelines.reports.parts import (
    LISTED,
    SHOWN,
    TITLES,
    Figure,
    Grid,
    Section,
    bars,
    cell,
    grid,
    largest,
    missing,
)
from pipelines.reports.questions import (
    BY_COUNTRY,
    BY_DAY,
    BY_ERROR_CLASS,
    BY_FAILURE_CODE,
    BY_HOUR,
    FUNNEL,
    HEADLINE,
)
from pipelines.reports.words import NONE, ranged, share, whole

# Each as `wasms metrics show` explains it: clicks, replies and opt-outs are of delivered messages.
RATE_OF = {
    "accepted_messages": "acceptance_rate",
    "delivered_messages": "delivery_rate",
    "read_messages": "read_rate",
    "clicked_messages": "click_rate",
    "replied_72h_messages": "reply_72h_rate",
    "opted_out_messages": "opt_out_rate",
}


def funnel(frames: Frames) -> Section:
    """Return from how many messages were sent to how many opted out."""
    row = frames.only(HEADLINE)
    known = [name for name in FUNNEL if row[name].is_known]
    if not known:
        return Section("funnel", "From sent to opted out", "No messages are published for this period.")
    marks = [charts.counted(TITLES[name], row[name]) for name in known]
    rates = {name: cell(RATE_OF[name], row[RATE_OF[name]]) for name in known if name in RATE_OF}
    rows = [
        (TITLES[name], whole(row[name].value), ranged(name, row[name]), rates.get(name, "")) for name in known
    ]
    return Section(
        "funnel",
        "From sent to opted out",
        "What became of the messages. The true number lies between the ends of a line, 95 times in 100.",
        [bars("Messages by what became of them", marks)],
        Grid(("Messages", "Number", "Range", "Rate"), rows, "Messages by what became of them"),
    )


def trend(frames: Frames, published: Published) -> Section:
    """Return delivered messages by day, over the period before."""
    span = published.span
    now, before = (
        _by_day(rows, span.is_month) for rows in (frames.rows(BY_DAY), frames.before.get(BY_DAY, ()))
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
    label = f"Delivered messages by day; most {when}: {best.text}"
    earlier = {mark.label: mark.text for mark in before}
    return Section(
        "trend",
        "Day by day",
        f"Delivered messages by day of sending; most, {best.text}, {when}. Days without a column have no "
        f"published number. {versus}",
        [Figure(drawn(charts.columns(now, before, labels), label=label))],
        Grid(
            ("Day", "Delivered", "Range", span.before.title),
            [
                (m.label, m.text, ranged("delivered_messages", m.number), earlier.get(m.label, NONE))
                for m in now
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


def hours(frames: Frames, published: Published) -> Section:
    """Return the read rate by weekday and hour."""
    title = "Best hours to send"
    rows = {str(row.keys["send_hour"]): row for row in frames.rows(BY_HOUR)}
    marks = [charts.rated(hour, row["read_rate"]) for hour, row in rows.items()]
    known = [mark for mark in marks if mark.number.is_known]
    sure = [mark for mark in known if not charts.is_wide(mark.number)]
    reach = charts.sure_range(known)
    if not sure or reach is None:
        return Section("hours", title, missing("hour of sending", published, is_there=bool(known)))
    # By its lower end: an hour of few messages may look good by chance.
    best = sorted(sure, key=lambda mark: -(mark.number.low or 0.0))
    listed = ", ".join(f"{_hour(mark.label)} ({mark.text})" for mark in best[:3])
    label = f"Read rate by weekday and hour of sending; highest: {listed}"
    return Section(
        "hours",
        title,
        f"Messages sent at these hours were read most: {listed}. Small squares: too few messages to compare.",
        [Figure(drawn(charts.heat(known), label=label))],
        Grid(
            ("Hour", "Sent", "Read rate", "Range", "Reply rate"),
            [
                (
                    _hour(mark.label),
                    whole(rows[mark.label]["attempted_messages"].value),
                    mark.text,
                    ranged("read_rate", mark.number),
                    share(rows[mark.label]["reply_72h_rate"].value),
                )
                for mark in best
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
    rows = largest(frames.rows(BY_COUNTRY), "attempted_messages")
    if not rows:
        return Section("countries", "Countries", missing("country", published))

    def name(row: Row) -> str:
        return country(str(row.keys["contact_country"]))

    marks = [charts.counted(name(row), row["attempted_messages"]) for row in rows[:SHOWN]]
    return Section(
        "countries",
        "Countries",
        "Messages sent, by the country of the contact's number.",
        [bars("Messages sent by country", marks)],
        grid("Country", name, rows, BY_COUNTRY.metrics, "Messages by country"),
    )


def country(code: str) -> str:
    """Return the English name of a country; what is no code of one is written out."""
    from babel import Locale

    special = {REST: "Other countries", "unknown": "Unknown"}
    return special.get(code) or str(Locale("en").territories.get(code, code))


def failures(frames: Frames) -> Section:
    """Return why messages failed: by class, and by the provider's code."""
    title, failed = "Why messages failed", "failed_messages"
    classes, codes = (largest(frames.rows(asked), failed) for asked in (BY_ERROR_CLASS, BY_FAILURE_CODE))
    if not classes:
        return Section(
            "failures", title, "No failed message is published for this period; a few may be rounded down."
        )
    listed = [("class", str(row.keys["error_class"]).replace("_", " "), row[failed]) for row in classes]
    marks = [charts.counted(name, number) for _, name, number in listed[:SHOWN]]
    listed += [("code", str(row.keys["failure_code"]), row[failed]) for row in codes[:LISTED]]
    by_code = "" if codes else " Codes of providers are not published for this period."
    return Section(
        "failures",
        title,
        "Failed messages by class of the provider's error. Classes of which nothing is published are "
        f"left out.{by_code}",
        [bars("Failed messages by class", marks, colour=charts.WARM)],
        Grid(
            ("By", "Class or code", "Failed", "Range"),
            [(by, name, whole(number.value), ranged(failed, number)) for by, name, number in listed],
            "Failed messages by class, and by provider and code",
        ),
    )
