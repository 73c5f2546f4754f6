"""A page says what is known, with its range, and in words what is not; it needs nothing else."""

import re
from datetime import date

import pytest

from pipelines.reports.answers import Frames, Number, Published, Row
from pipelines.reports.drawing import inline
from pipelines.reports.page import bands, change, page, tiles
from pipelines.reports.period import Span
from pipelines.reports.questions import BY_CAMPAIGN, BY_DAY, BY_HOUR, HEADLINE, RATES
from pipelines.reports.ranking import named
from pipelines.reports.sections import hours
from pipelines.reports.unsure import unsure
from tests.support.html_pages import Reading

MAY = Span.parse("2026-05")
NAME = "<NAME> & Söhne"


def number(value, reach=0.01):
    return Number(value, value - reach, value + reach)


def published(span=MAY, **more):
    empty = {"names": {}, "benchmarks": {}, "late": {}, "coverage": None}
    days = (date(2026, 5, 11), date(2026, 5, 31), 21)
    whole = {"is_whole": False, "is_before_whole": True}
    return Published(**({"span": span, "days": days} | whole | empty | more))


def frames():
    headline = {name: number(700.0, 30) for name in ("attempted_messages", "delivered_messages")}
    campaigns = [
        Row(
            {"campaign": key, "campaign_name": "Spring"},
            {"attempted_messages": number(70, 7), "read_rate": number(rate)},
        )
        for key, rate in (("aaaa1", 0.5), ("bbbb2", 0.7))
    ]
    rest = Row({"campaign": "other", "campaign_name": None}, {"attempted_messages": number(21, 7)})
    days = [Row({"day": date(2026, 5, 12)}, {"delivered_messages": number(350, 20)})]
    return Frames(
        {
            HEADLINE: [Row({}, headline | {"delivery_rate": number(0.941)})],
            BY_CAMPAIGN: [*campaigns, rest],
            BY_DAY: days,
        }
    )


def test_a_page_is_read_in_order_and_every_chart_has_words():
    read = Reading(page(frames(), published(), title=NAME))

    assert read.tags[0][0] == "html"
    assert read.tags[0][1]["lang"] == "en"
    assert read.headings[0] == 1
    assert read.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(read.headings, read.headings[1:], strict=False))
    assert len(read.drawings) >= 3
    assert all(drawing["role"] == "img" and len(drawing["aria-label"]) > 20 for drawing in read.drawings)
    ids = [given["id"] for _, given in read.tags if "id" in given]
    assert len(ids) == len(set(ids))
    assert {address[1:] for address in read.addresses if address.startswith("#")} <= set(ids)


def test_a_page_loads_nothing_and_runs_nothing():
    html = page(frames(), published(), title=NAME)

    assert not re.findall(r"https?://|//[a-z]|@import|url\(|<script|<link rel=.stylesheet|javascript:", html)
    assert set(Reading(html).addresses) - {"data:,"} == {a for a in Reading(html).addresses if a[0] == "#"}


def test_names_are_text_and_no_markup():
    html = page(frames(), published(), title=NAME)

    assert "<NAME>" not in html
    assert NAME in Reading(html).texts


def test_names_that_owners_choose_cannot_leave_charts_or_tables():
    weak = "\"><script>alert('#010101')</script>"
    row = Row(
        {"campaign": "aaaa1", "campaign_name": weak},
        {"attempted_messages": number(70), "read_rate": number(0.5)},
    )

    html = page(Frames({BY_CAMPAIGN: [row]}), published(), title=weak)

    assert "<svg" in html
    assert "<script" not in html
    assert all("alert" not in value for _, given in Reading(html).tags for value in given if value)


def test_charts_have_the_colours_of_the_page_so_that_dark_is_dark():
    html = page(frames(), published(), title=NAME)
    drawings = "".join(re.findall(r"<svg.*?</svg>", html, re.DOTALL))

    assert set(re.findall(r'(?:fill|stroke)="([^"]+)"', drawings)) <= {
        "none",
        "transparent",
        *(f"var(--{name})" for name in ("ink", "soft", "line", "fill", "pale", "warm")),
    }
    assert "font-family" not in drawings


def test_numbers_stand_with_their_ranges():
    texts = Reading(page(frames(), published(), title=NAME)).texts

    for title, value, reach in (("Sent", "700", "670 to 730"), ("Delivery rate", "94.1%", "93.1% to 95.1%")):
        first = texts.index(title)
        assert texts[first : first + 3] == [title, value, reach]


def test_nothing_is_said_as_zero_where_nothing_is_published():
    html = page(Frames(), published(days=None), title=NAME)
    texts = " ".join(Reading(html).texts)

    assert "No messages are published for this period." in texts
    assert "No day of May 2026 is published." in texts
    assert not re.search(r"\b0\b", texts)
    assert Reading(html).drawings == []


def test_what_is_unsure_is_said_in_words():
    found = published(coverage=(9, 12))
    both = Frames(frames().now, {HEADLINE: frames().rows(HEADLINE)})
    texts = " ".join(Reading(page(both, found, title=NAME)).texts)
    of_platform = " ".join(unsure(both, found, is_platform=True))

    assert "count 9 of 12 workspaces" in of_platform
    assert "of 12 workspaces" not in texts
    for said in (
        "rounded at random to a multiple of 7",
        "fewer than 11 contacts a day are one row, “other”: 21 messages here",
        "21 of 31 days are published, 11 May to 31 May 2026",
        "published when a whole month is",
        "Counts are not compared with April 2026, rates are",
        "needs at least 5 that take part",
    ):
        assert said in texts


def test_campaigns_of_one_name_are_told_apart():
    rows = frames().rows(BY_CAMPAIGN)

    assert list(named(rows, "campaign").values()) == [
        "Spring · aaaa",
        "Spring · bbbb",
        "Other campaigns, together",
    ]


@pytest.mark.parametrize(
    ("name", "now", "before", "said"),
    [
        ("attempted_messages", number(200, 10), number(100, 10), "+100% since April 2026"),
        ("attempted_messages", number(200, 60), number(150, 10), "no clear change since April 2026"),
        ("read_rate", number(0.7), number(0.75), "-5.0 points since April 2026"),
        ("read_rate", number(0.7), Number(), ""),
        ("clicked_messages", number(70, 7), Number(0.0, 0.0, 0.0), "none in April 2026"),
    ],
)
def test_a_change_is_said_where_rounding_does_not_explain_it(name, now, before, said):
    assert change(name, now, before, since=MAY.before.title) == said


def test_counts_of_parts_of_months_are_not_compared_and_rates_are():
    before = {"attempted_messages": number(100, 5), "delivery_rate": number(0.8)}
    both = Frames(frames().now, {HEADLINE: [Row({}, before)]})

    def said(**whole):
        return {tile.title: tile.change for tile in tiles(both, published(**whole))}

    rate = "+14.1 points since April 2026"
    assert said(is_whole=True) == {"Sent": "+600% since April 2026", "Delivery rate": rate}
    assert said(is_whole=False) == {"Sent": "", "Delivery rate": rate}
    assert said(is_whole=True, is_before_whole=False) == {"Sent": "", "Delivery rate": rate}


def test_hours_of_few_messages_are_no_best_hours():
    rows = [
        Row({"send_hour": hour}, {"read_rate": rate})
        for hour, rate in (
            ("mon-03", Number(1.0, 0.0, 1.0)),
            ("tue-10", number(0.8, 0.05)),
            ("wed-18", number(0.7, 0.05)),
        )
    ]

    section = hours(Frames({BY_HOUR: rows}), published())
    unsure = hours(Frames({BY_HOUR: rows[:1]}), published())

    assert "Tue 10:00 (80.0%), Wed 18:00 (70.0%)." in section.lead
    assert "Mon 03:00" not in section.lead
    assert (unsure.lead, list(unsure.figures)) == (
        "No hour of sending has enough messages to be compared.",
        [],
    )


def test_a_rate_lies_among_those_of_the_others():
    row = Row({}, dict.fromkeys(RATES, number(0.5)))
    quarters = {"rate_p25": 0.25, "rate_p50": 0.5, "rate_p75": 1.0}

    (band,) = bands(Frames({HEADLINE: [row]}), published(benchmarks={"read_rate": quarters}))

    assert band.quarters == ("25.0%", "50.0%", "100.0%")
    assert (
        band.places["p25"]
        < band.places["low"]
        < band.places["own"]
        == band.places["p50"]
        < band.places["p75"]
        < 100
    )


def test_a_label_cannot_leave_its_attribute():
    html = inline('<svg xmlns="x" viewBox="0 0 1 1"><g/></svg>', label='"><script>', variables={})

    assert (
        html
        == '<svg class="chart" role="img" aria-label="&#34;&gt;&lt;script&gt;" viewBox="0 0 1 1"><g/></svg>'
    )
