"""Each metric is answered from what is published, and says how sure it is."""

from datetime import date, timedelta
from random import Random

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.declarations.errors import MetricError
from pipelines.declarations.metric import LATENCY_BIN, load_metrics, load_tables, name_of
from pipelines.metrics.published import published_query
from pipelines.metrics.question import Question, answering, askable, parse_where
from pipelines.metrics.restricted import FACTS, restricted_query
from tests.support.metric_tables import insert, published, restricted

DAY, NEXT, MONTH = date(2026, 5, 4), date(2026, 5, 5), date(2026, 5, 1)
SEEDS = st.integers(0, 99)
METRICS, TABLES = load_metrics(), load_tables()


@pytest.fixture
def marts():
    with duckdb.connect() as connection:
        published(connection)
        yield connection


def ask(connection, metric, **question):
    query = published_query(METRICS[metric], Question(**question), TABLES)
    return connection.execute(query.sql, query.parameters).fetchall()


def cell(attempted, delivered, *, day=DAY, level="workspace", workspace="w", **more):
    numbers = {"attempted_messages": attempted, "delivered_messages": delivered}
    squares = {f"{name}_squares": 49 for name in numbers}
    return {"send_date": day, "level": level, "workspace_key": workspace, **numbers, **squares, **more}


def test_there_are_at_least_forty_and_each_says_what_it_is():
    assert len(METRICS) >= 40
    assert all(metric.description and metric.unit for metric in METRICS.values())


def test_people_counted_under_one_name_are_the_same_people_in_every_table():
    counted = [m for table in TABLES for m in table.measures.values() if m.units is not None]

    assert {m.name: m.description for m in counted}.items() == {(m.name, m.description) for m in counted}


@pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
def test_every_metric_is_answered_by_every_column_that_is_offered(marts, metric):
    with duckdb.connect() as facts:
        restricted(facts)
        for table in answering(metric, TABLES):
            for column in askable(metric, table):
                nodes = map(name_of, table.cube.spine.path(table.level([column])))
                split = sorted({table.dimension} & {*askable(metric, table)} - {LATENCY_BIN})
                by = tuple(dict.fromkeys([column, *nodes, *split, *metric.needed, str(table.period)]))
                assert ask(marts, metric.metric, by=by) == []
                if table.cube.facts in FACTS and column != LATENCY_BIN:
                    query = restricted_query(metric, Question(by=by), TABLES)
                    assert facts.execute(query.sql, query.parameters).fetchall() == []


@pytest.mark.parametrize(
    ("case", "cells", "by", "count", "rate"),
    [
        ("one cell as it is", [cell(100, 80)], ("workspace",), 80, 0.8),
        ("days add up", [cell(100, 80), cell(50, 25, day=NEXT)], ("workspace",), 105, 0.7),
        (
            "what was taken out has no sum",
            [cell(100, 80), cell(50, None, day=NEXT)],
            ("workspace",),
            None,
            None,
        ),
        ("no rate of nothing", [cell(0, 0)], ("workspace",), 0, None),
        ("no rate above one", [cell(98, 105)], ("workspace",), 105, 1.0),
        (
            "other levels are not added",
            [cell(100, 80), cell(100, 70, level="campaign"), cell(100, 60, level="platform")],
            ("workspace",),
            80,
            0.8,
        ),
        ("the platform has a row of its own", [cell(9, 8, level="platform")], (), 8, 8 / 9),
    ],
)
def test_rounded_numbers_are_added_up(marts, case, cells, by, count, rate):
    insert(marts, "cubes.cube_campaign_daily", cells)
    assert ask(marts, "delivered_messages", by=by)[0][-3] == count, case
    *_, shown, low, high = ask(marts, "delivery_rate", by=by)[0]
    assert shown == pytest.approx(rate), case
    assert rate is None or low <= shown <= high, case


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    counts=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=20, max_size=40), seed=SEEDS
)
def test_nineteen_of_twenty_answers_hold_the_truth_between_low_and_high(marts, counts, seed):
    """Days of unread and read messages, each rounded to sevens by hand: the truth is known."""
    random = Random(seed)
    squares = {"attempted_messages_squares": 98}
    truth = sum(read for _, read in counts)
    whole = truth + sum(unread for unread, _ in counts)
    truths = {"delivered_messages": truth, "delivery_rate": truth / whole if whole else None}
    held = []
    for _ in range(30):
        marts.execute("delete from cubes.cube_campaign_daily")
        shown = [
            [n - n % 7 + (7 if random.random() < n % 7 / 7 else 0) for n in numbers] for numbers in counts
        ]
        rows = [cell(a + b, b, day=DAY + timedelta(days=n)) | squares for n, (a, b) in enumerate(shown)]
        insert(marts, "cubes.cube_campaign_daily", rows)
        for metric, true in truths.items():
            ((_, _, _, low, high),) = ask(marts, metric, by=("workspace",))
            held.append(true is None or low is None or low <= true <= high)
    assert sum(held) >= 0.8 * len(held)


def test_names_stand_beside_keys_and_may_be_asked_for(marts):
    insert(marts, "cubes.cube_campaign_daily", [cell(100, 80), cell(30, 20, workspace="other")])
    insert(marts, "main.dim_published_workspaces", [{"workspace_key": "w", "workspace_name": "Bakery"}])
    everyone = ask(marts, "delivered_messages", by=("workspace",))
    assert [row[:3] for row in everyone] == [("other", "other", 20), ("w", "Bakery", 80)]
    for wanted in ("w", "Bakery"):
        assert ask(marts, "delivered_messages", where={"workspace": wanted})[0][0] == 80
    assert ask(marts, "delivered_messages", where={"workspace": "x' or 1=1 --"}) == []


def test_a_dimension_nobody_asked_for_is_added_up(marts):
    base = {"month": MONTH, "level": "workspace", "workspace_key": "w"}
    insert(
        marts,
        "cubes.cube_inbound_monthly",
        [base | {"message_type": t, "inbound_messages": n} for t, n in (("text", 50), ("image", 30))],
    )
    assert ask(marts, "inbound_messages", by=("message_type",))[1][:2] == ("text", 50)
    assert ask(marts, "inbound_messages")[0][0] == 80


def test_a_latency_is_interpolated_within_its_bin_and_as_sure_as_its_edges(marts):
    base = {"send_date": DAY, "level": "workspace", "workspace_key": "w", "delivered_messages_squares": 49}
    bins = [("5s", 40), ("15s", 40), ("1h", 20), ("unknown", 70)]
    rows = [base | {"latency_bin": b, "delivered_messages": n} for b, n in bins]
    insert(marts, "cubes.cube_delivery_latency_daily", rows)

    ((p50, low, high),) = ask(marts, "delivery_latency_p50")
    ((*_, p95, least, most),) = ask(marts, "delivery_latency_p95", by=("workspace",))

    # A quarter of the way from 5 to 15 seconds, three quarters of the way from 15 seconds to an hour.
    assert p50 == pytest.approx(5 * 3**0.25)
    assert p95 == pytest.approx(15 * 240**0.75)
    # Anywhere in its bin, and in the bin beside it where rounding may have moved it there.
    assert (low, high) == (5, 15)
    assert (least, most) == (15, 3600)


def sold(conversions, micros, step, *, day=DAY):
    base = {"send_date": day, "level": "campaign", "workspace_key": "w", "revenue_currency": "EUR"}
    return base | {
        "campaign_key": "c",
        "conversions": conversions,
        "conversions_squares": 49,
        "revenue_micros": micros,
        "revenue_micros_squares": step**2,
    }


REVENUE = {"by": ("workspace", "campaign", "revenue_currency")}


@pytest.mark.parametrize(
    ("case", "cells", "revenue", "per_conversion"),
    [
        ("nobody bought", [sold(0, 0, 7)], 0.0, None),
        ("rounded down beside conversions", [sold(7, 0, 7)], None, None),
        ("a day of two is known", [sold(7, 0, 7), sold(7, 448_000_000, 448_000_000, day=NEXT)], 448.0, 32.0),
    ],
)
def test_no_revenue_beside_conversions_is_not_known(marts, case, cells, revenue, per_conversion):
    insert(marts, "cubes.cube_conversions_daily", cells)

    for metric, expected in (("revenue_amount", revenue), ("revenue_per_conversion", per_conversion)):
        *_, shown, low, high = ask(marts, metric, **REVENUE)[0]
        assert shown == expected, case
        assert {low is None, high is None} == {expected is None}, case


def test_the_range_of_revenue_of_few_buyers_holds_the_truth(marts):
    """Each day one buys, far below the step: nearly all days are rounded down to nothing."""
    random, held = Random(1), []
    for _ in range(60):
        marts.execute("delete from cubes.cube_conversions_daily")
        amounts = [random.randint(20, 60) * 1_000_000 for _ in range(60)]
        step = 7 * 64_000_000
        days = [step if random.random() < amount / step else 0 for amount in amounts]
        cells = [
            sold(
                7 if random.random() < 1 / 7 else 0, shown, step if shown else 7, day=DAY + timedelta(days=n)
            )
            for n, shown in enumerate(days)
        ]
        insert(marts, "cubes.cube_conversions_daily", cells)
        *_, low, high = ask(marts, "revenue_amount", **REVENUE)[0]
        held.append(low <= sum(amounts) / 1e6 <= high)

    assert sum(held) >= 0.85 * len(held)


def test_costs_are_of_one_currency_and_know_nothing_of_what_has_no_price(marts):
    base = {"month": MONTH, "level": "workspace", "workspace_key": "w", "cost_micros_squares": 0}
    costs = [("EUR", 5_600_000), ("USD", 70_000_000), ("unknown", 0), ("other", 7_000_000)]
    insert(
        marts,
        "cubes.cube_currencies_monthly",
        [base | {"cost_currency": c, "cost_micros": n, "accepted_messages": 70} for c, n in costs],
    )
    insert(
        marts,
        "cubes.cube_tariffs_monthly",
        [base | {"tariff": "sms marketing DE EUR", "cost_micros": 4_200_000}],
    )
    assert [row[:2] for row in ask(marts, "cost_amount", by=("cost_currency",))] == [
        ("EUR", 5.6),
        ("USD", 70.0),
    ]
    in_euros = {"where": {"cost_currency": "EUR"}}
    assert ask(marts, "cost_amount", **in_euros)[0][0] == 5.6
    assert ask(marts, "cost_per_message", **in_euros)[0][0] == pytest.approx(0.08)
    assert ask(marts, "cost_amount", by=("contact_country",), **in_euros)[0][:2] == ("DE", 4.2)


def test_a_difference_may_be_below_zero(marts):
    numbers = {"gained_contacts": 14, "lost_contacts": 49}
    numbers |= {f"{name}_squares": 49 for name in [*numbers]}
    row = {"month": MONTH, "level": "workspace", "workspace_key": "w", **numbers}
    insert(marts, "cubes.cube_list_growth_monthly", [row])

    ((*_, shown, low, high),) = ask(marts, "net_growth", by=("month", "workspace"))

    assert shown == -35
    # Both are rounded by themselves.
    assert high - shown == pytest.approx(1.96 * (98 / 6) ** 0.5)
    assert low == pytest.approx(2 * shown - high)


@pytest.mark.parametrize(
    ("case", "metric", "question", "reason"),
    [
        (
            "people of several months",
            "reached_contacts",
            {},
            "people of several rows do not add up.*by month",
        ),
        (
            "people of several workspaces",
            "reached_contacts",
            {"by": ("month", "contact_country"), "where": {"workspace": "w"}},
            None,
        ),
        ("two currencies", "cost_amount", {"by": ("month",)}, "currencies do not add up.*cost_currency"),
        ("two dimensions", "read_messages", {"by": ("contact_country", "send_hour")}, "can be split by"),
        ("days of a table by month", "read_messages", {"by": ("day", "contact_country")}, "whole months"),
        (
            "a part of a month",
            "read_messages",
            {"by": ("contact_country",), "first": DAY},
            "comes by whole months",
        ),
        ("no such column", "read_messages", {"by": ("phone",)}, "cannot be split by phone"),
        ("time upside down", "read_messages", {"first": NEXT, "last": DAY}, "is after"),
        ("a column twice", "read_messages", {"by": ("day", "day")}, "twice"),
        ("a day as a value", "read_messages", {"where": {"day": "2026-05-04"}}, "--from and --to"),
    ],
)
def test_what_has_no_honest_answer_is_refused_with_its_reason(marts, case, metric, question, reason):
    if reason is None:
        assert ask(marts, metric, **question) == [], case
        return
    with pytest.raises(MetricError, match=f"(?s){reason}"):
        ask(marts, metric, **question)


def test_conditions_are_column_and_value():
    assert parse_where(["workspace=Bread & Co = best"]) == {"workspace": "Bread & Co = best"}
    for bad in (["workspace"], ["=x"], ["a=1", "a=2"]):
        with pytest.raises(MetricError, match="column=value"):
            parse_where(bad)


def test_restricted_facts_answer_exactly_and_count_people_once():
    with duckdb.connect() as facts:
        restricted(facts)
        message = {"workspace_id": "w", "is_read": False, "is_failed": False, "queued_at": "2026-05-04"}
        message |= dict.fromkeys(
            ["is_attempted", "is_accepted", "is_sent", "is_delivered", "is_readable"], True
        )
        insert(
            facts,
            "fct_messages",
            [
                message | {"send_date": DAY, "contact_token": "a", "delivered_at": "2026-05-04 00:00:30"},
                message | {"send_date": NEXT, "contact_token": "a", "delivered_at": "2026-05-04 00:01:30"},
                message
                | {"send_date": NEXT, "contact_token": "b", "is_delivered": False, "is_readable": False},
            ],
        )
        insert(facts, "dim_contacts", [{"workspace_id": "w", "contact_token": "a", "language": "de"}] * 2)

        def exactly(metric, **question):
            query = restricted_query(METRICS[metric], Question(**question), TABLES)
            return facts.execute(query.sql, query.parameters).fetchall()

        assert exactly("reached_contacts") == [(2,)]
        assert exactly("reached_contacts", by=("day",)) == [(DAY, 1), (NEXT, 2)]
        assert exactly("delivery_rate") == [(pytest.approx(2 / 3),)]
        assert exactly("delivery_rate", first=NEXT, last=NEXT, where={"workspace": "w"}) == [(0.5,)]
        assert exactly("attempted_messages", by=("contact_language",)) == [("de", 2)]
        assert exactly("delivery_latency_p50") == [(60.0,)]
        insert(facts, "fct_conversions", [{"workspace_id": "w", "event_id": "e", "send_date": DAY}])
        assert exactly("conversions", by=("revenue_currency",)) == [("unknown", 1)]
        with pytest.raises(MetricError, match="no facts in the restricted zone"):
            exactly("errors")
