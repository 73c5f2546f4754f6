"""Each metric is answered from what is published, and says what noise and codes leave open."""

from datetime import date

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.declarations.disclosure import load_disclosure
from pipelines.declarations.errors import MetricError
from pipelines.declarations.metric import LATENCY_BIN, load_metrics, load_tables, name_of
from pipelines.metrics.published import published_query
from pipelines.metrics.question import Question, answering, askable, parse_where
from pipelines.metrics.restricted import FACTS, restricted_query
from tests.support.metric_tables import insert, published, restricted

DAY, NEXT, MONTH = date(2026, 5, 4), date(2026, 5, 5), date(2026, 5, 1)
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
    row = {"send_date": day, "level": level, "workspace_key": workspace, **more}
    for name, value in (("attempted_messages", attempted), ("delivered_messages", delivered)):
        row |= {f"{name}_flag": value} if isinstance(value, str) else {name: value}
    return row


def test_there_are_at_least_forty_and_each_says_what_it_is():
    assert len(METRICS) >= 40
    assert all(metric.description and metric.unit for metric in METRICS.values())


@pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
def test_every_metric_is_answered_by_every_column_that_is_offered(marts, metric):
    with duckdb.connect() as facts:
        restricted(facts)
        for table in answering(metric, TABLES):
            for column in askable(metric, table):
                nodes = map(name_of, table.cube.spine.path(table.level([column])))
                by = tuple(dict.fromkeys([column, *nodes, *table.needed, str(table.period)]))
                assert ask(marts, metric.metric, by=by) == []
                if table.cube.facts in FACTS and column != LATENCY_BIN:
                    query = restricted_query(metric, Question(by=by), TABLES)
                    assert facts.execute(query.sql, query.parameters).fetchall() == []


@pytest.mark.parametrize(
    ("case", "cells", "by", "count", "rate"),
    [
        ("one cell as it is", [cell(100, 80)], ("workspace",), (80, None), (0.8, None)),
        ("few are not shown", [cell(100, "<k")], ("workspace",), (None, "<k"), (None, "<k")),
        ("nearly all are not shown", [cell(100, ">n-k")], ("workspace",), (None, ">n-k"), (None, ">n-k")),
        ("days add up", [cell(100, 80), cell(50, 25, day=NEXT)], ("workspace",), (105, None), (0.7, None)),
        (
            "few count as none, and the sum is a lower bound",
            [cell(100, 80), cell(100, "<k", day=NEXT)],
            ("workspace",),
            (80, ">="),
            (0.4, ">="),
        ),
        (
            "nearly all count as all but ten, an estimate",
            [cell(100, 80), cell(100, ">n-k", day=NEXT)],
            ("workspace",),
            (170, "~"),
            (0.85, "~"),
        ),
        (
            "a whole of few counts as the most it can be",
            [cell(90, 80), cell("<k", "<k", day=NEXT)],
            ("workspace",),
            (80, ">="),
            (0.8, ">="),
        ),
        (
            "other levels are not added",
            [cell(100, 80), cell(100, 70, level="campaign"), cell(100, 60, level="platform")],
            ("workspace",),
            (80, None),
            (0.8, None),
        ),
        ("the platform has a row of its own", [cell(9, 8, level="platform")], (), (8, None), (8 / 9, None)),
    ],
)
def test_what_is_coded_leaves_a_lower_bound(marts, case, cells, by, count, rate):
    insert(marts, "cubes.cube_campaign_daily", cells)
    assert ask(marts, "delivered_messages", by=by)[0][-2:] == count, case
    assert ask(marts, "delivery_rate", by=by)[0][-2:] == pytest.approx(rate), case


K = load_disclosure().minimum_contacts
counts = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda pair: (max(pair), min(pair)))


@given(st.lists(counts, min_size=2, max_size=8))
def test_of_people_with_a_message_each_no_bound_is_above_the_truth(days):
    def coded(number, whole):
        if number < K:
            return "<k"
        return ">n-k" if whole is not None and whole - number < K else number

    with duckdb.connect() as connection:
        published(connection)
        rows = [
            cell(coded(whole, None), coded(part, whole), day=date(2026, 5, n + 1))
            for n, (whole, part) in enumerate(days)
        ]
        insert(connection, "cubes.cube_campaign_daily", rows)
        wholes, parts = sum(whole for whole, _ in days), sum(part for _, part in days)
        for metric, truth in (
            ("attempted_messages", wholes),
            ("delivered_messages", parts),
            ("delivery_rate", parts / wholes if wholes else 0.0),
        ):
            ((_, _, value, flag),) = ask(connection, metric, by=("workspace",))
            assert value is None or value <= truth + 1e-9
            assert flag in (">=", "~") or value == pytest.approx(truth)


def test_names_stand_beside_keys_and_may_be_asked_for(marts):
    insert(marts, "cubes.cube_campaign_daily", [cell(100, 80), cell(30, 20, workspace="other")])
    insert(marts, "main.dim_published_workspaces", [{"workspace_key": "w", "workspace_name": "Bakery"}])
    everyone = ask(marts, "delivered_messages", by=("workspace",))
    assert everyone == [("other", "other", 20, None), ("w", "Bakery", 80, None)]
    for wanted in ("w", "Bakery"):
        assert ask(marts, "delivered_messages", where={"workspace": wanted}) == [(80, None)]
    assert ask(marts, "delivered_messages", where={"workspace": "x' or 1=1 --"}) == []


def test_a_dimension_nobody_asked_for_is_left_at_its_total(marts):
    base = {"month": MONTH, "level": "platform", "workspace_key": "all"}
    insert(
        marts,
        "cubes.cube_countries_monthly",
        [base | {"contact_country": c, "delivered_messages": n} for c, n in (("all", 50), ("DE", 30))],
    )
    assert ask(marts, "delivered_messages", by=("contact_country",)) == [("DE", 30, None)]
    assert ask(marts, "delivered_messages", where={"contact_country": "all"}) == [(50, None)]


def test_a_latency_is_the_edge_of_its_bin(marts):
    base = {"send_date": DAY, "level": "workspace", "workspace_key": "w"}
    bins = [("5s", 40, None), ("1min", 40, None), ("1h", 20, None), ("all", 100, None)]
    rows = [
        base | {"latency_bin": b, "delivered_messages": n, "delivered_messages_flag": f} for b, n, f in bins
    ]
    insert(marts, "cubes.cube_delivery_latency_daily", rows)
    assert ask(marts, "delivery_latency_p50") == [(60.0, None)]
    assert ask(marts, "delivery_latency_p95", by=("workspace",)) == [("w", "w", 3600.0, None)]
    insert(
        marts,
        "cubes.cube_delivery_latency_daily",
        [base | {"latency_bin": "1d", "delivered_messages_flag": "<k"}],
    )
    assert ask(marts, "delivery_latency_p50") == [(60.0, "~")]


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
        message = {"workspace_id": "w", "is_attempted": True, "is_delivered": True, "queued_at": "2026-05-04"}
        insert(
            facts,
            "fct_messages",
            [
                message | {"send_date": DAY, "contact_token": "a", "delivered_at": "2026-05-04 00:00:30"},
                message | {"send_date": NEXT, "contact_token": "a", "delivered_at": "2026-05-04 00:01:30"},
                message | {"send_date": NEXT, "contact_token": "b", "is_delivered": False},
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
        with pytest.raises(MetricError, match="no facts in the restricted zone"):
            exactly("errors")
