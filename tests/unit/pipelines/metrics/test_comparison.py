"""Two rates are compared with the error of their samples and that of the rounding."""

from datetime import date

import duckdb
import numpy as np
import pytest

from pipelines.declarations.errors import MetricError
from pipelines.declarations.metric import load_metrics, load_tables
from pipelines.metrics.comparison import Rate, against_previous, difference
from pipelines.metrics.published import estimate_query, published_query
from pipelines.metrics.question import Question
from tests.support.metric_tables import insert, published

METRICS, TABLES = load_metrics(), load_tables()
STEP = 7
# The last one ends its week.
MONDAY, SECOND, FOURTH = date(2026, 5, 4), date(2026, 5, 11), date(2026, 5, 31)


def rounded(random, counts):
    rest = counts % STEP
    return counts - rest + np.where(random.random(counts.shape) < rest / STEP, STEP, 0)


def rates(random, people, rate, times):
    """Of ``people`` messages some are clicked: both parts are rounded, as `docs/decisions/0087` says."""
    true = random.binomial(people, rate, times)
    over, rest = rounded(random, true), rounded(random, people - true)
    under = np.maximum(over + rest, STEP)
    value = over / under
    variance = ((1 - value) ** 2 + value**2) * STEP**2 / 6 / under**2
    return map(Rate, value, under, variance)


def share_of_findings(people, first, second, *, times=2_000):
    random = np.random.default_rng(people)
    pairs = zip(rates(random, people, first, times), rates(random, people, second, times), strict=True)
    return sum(difference(*pair).p_value < 0.05 for pair in pairs) / times


@pytest.mark.parametrize(
    ("people", "rate", "least", "most"),
    [
        (40, 0.5, 0.01, 0.07),
        # A few clicks more or less are as many as the rounding moves: hardly ever found.
        (40, 0.05, 0.0, 0.05),
        (100, 0.8, 0.03, 0.07),
        (300, 0.3, 0.03, 0.07),
        (300, 0.02, 0.02, 0.07),
        # The worst: 15 clicks each, which two steps of the rounding set apart.
        (300, 0.05, 0.03, 0.1),
        (2_000, 0.02, 0.035, 0.08),
        (2_000, 0.5, 0.035, 0.07),
    ],
)
def test_where_there_is_no_difference_about_one_comparison_of_twenty_finds_one(people, rate, least, most):
    assert least <= share_of_findings(people, rate, rate) <= most


@pytest.mark.parametrize(
    ("people", "first", "second"), [(100, 0.1, 0.5), (500, 0.05, 0.15), (5_000, 0.02, 0.04)]
)
def test_a_large_difference_is_found(people, first, second):
    assert share_of_findings(people, first, second) > 0.95


def test_without_the_error_of_the_rounding_chance_would_be_taken_for_a_difference():
    """The twin: what a test of unrounded numbers makes of rounded ones."""
    random = np.random.default_rng(1)
    pairs = [[*rates(random, 300, 0.02, 2)] for _ in range(1_000)]
    blind = [[Rate(rate.value, rate.under, 0.0) for rate in pair] for pair in pairs]

    assert sum(difference(*pair).p_value < 0.05 for pair in blind) > 100


@pytest.mark.parametrize(("first", "second"), [(0.2, 0.2), (0.2, 0.3), (0.02, 0.0)])
def test_the_true_difference_lies_between_low_and_high(first, second):
    random = np.random.default_rng(2)
    pairs = zip(rates(random, 300, first, 1_000), rates(random, 300, second, 1_000), strict=True)
    found = [difference(*pair) for pair in pairs]

    assert sum(each.low <= second - first <= each.high for each in found) > 930


@pytest.mark.parametrize(
    ("case", "first", "second", "p_value"),
    [
        ("nobody in both", Rate(0.0, 70, 0.0), Rate(0.0, 70, 0.0), 1.0),
        ("everybody in both", Rate(1.0, 70, 0.0), Rate(1.0, 70, 0.0), 1.0),
        # The example of any textbook: 0.5 and 0.6 of 100, z = 1.4213.
        ("exact numbers", Rate(0.5, 100, 0.0), Rate(0.6, 100, 0.0), 0.15522),
        ("rounding makes it less sure", Rate(0.5, 100, 0.001), Rate(0.6, 100, 0.001), 0.23033),
    ],
)
def test_a_p_value_is_that_of_two_proportions(case, first, second, p_value):
    assert difference(first, second).p_value == pytest.approx(p_value, abs=1e-4), case


@pytest.fixture
def marts():
    with duckdb.connect() as connection:
        published(connection)
        base = {"level": "campaign", "workspace_key": "w", "channel": "sms", "template_key": "t"}
        numbers = [(MONDAY, "a", 700, 70), (SECOND, "b", 700, 140), (FOURTH, "b", 70, 7)]
        insert(
            connection,
            "cubes.cube_campaign_daily",
            [
                base
                | {
                    "send_date": day,
                    "campaign_key": key,
                    "delivered_messages": n,
                    "clicked_messages": clicked,
                }
                | {"delivered_messages_squares": 98, "clicked_messages_squares": 49}
                for day, key, n, clicked in numbers
            ],
        )
        names = [
            {"workspace_key": "w", "campaign_key": key, "variant": variant}
            for key, variant in (("a", "A"), ("b", "B"))
        ]
        insert(connection, "dim_published_campaigns", names)
        named = {"workspace_key": "w", "template_key": "t", "template_name": "sale"}
        insert(connection, "dim_published_templates", [named])
        yield connection


def asked(connection, query):
    return connection.execute(query.sql, query.parameters).fetchall()


def test_an_estimate_is_a_rate_with_the_variance_of_its_rounding(marts):
    question = Question(where={"campaign": "a"})

    ((over, under, value, variance),) = asked(marts, estimate_query(METRICS["click_rate"], question, TABLES))

    assert (over, under, value) == (70, 700, 0.1)
    assert variance == pytest.approx((49 / 6 + 0.1**2 * 98 / 6) / 700**2)
    with pytest.raises(MetricError, match="clicks is no rate"):
        estimate_query(METRICS["clicks"], question, TABLES)


def test_variants_and_names_of_templates_can_be_asked_for(marts):
    def click_rates(*by, **where):
        query = published_query(METRICS["click_rate"], Question(by=by, where=where), TABLES)
        return [row[:-2] for row in asked(marts, query)]

    assert click_rates("variant") == [("A", 0.1), ("B", pytest.approx(147 / 770))]
    assert click_rates("template", variant="A") == [("t", "sale", 0.1)]
    assert click_rates("variant", template="sale") == click_rates("variant")


def test_a_week_is_compared_with_the_one_before_it_and_with_no_other(marts):
    question = Question(by=("workspace", "week"))
    marts.execute("update cubes.cube_campaign_daily set level = 'workspace'")
    answer = published_query(METRICS["click_rate"], question, TABLES)

    first, second, fourth = asked(marts, against_previous("click_rate", question, answer))

    *_, previous, found, low, high = second
    assert (previous, found) == (0.1, pytest.approx(0.1))
    reach = 1.96 * ((98 / 6 * (0.1**2 + 0.2**2) + 2 * 49 / 6) / 700**2) ** 0.5
    assert (low, high) == (pytest.approx(0.1 - reach), pytest.approx(0.1 + reach))
    assert first[-4:] == fourth[-4:] == (None, None, None, None)


@pytest.mark.parametrize("by", [(), ("workspace",), ("day", "week")])
def test_what_has_no_period_before_it_is_refused(by):
    question = Question(by=by)
    answer = published_query(METRICS["click_rate"], question, TABLES)

    with pytest.raises(MetricError, match="needs one period: add --by day or --by week"):
        against_previous("click_rate", question, answer)
