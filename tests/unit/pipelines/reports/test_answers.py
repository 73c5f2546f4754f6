"""Reports ask as `wasms metrics` does, and keep workspaces apart."""

from datetime import date

import duckdb
import pytest

from pipelines.declarations.metric import load_metrics, load_tables
from pipelines.metrics.published import published_query
from pipelines.metrics.question import Question
from pipelines.reports.answers import Number, answer, frames_of, last_day, platform_frames, published
from pipelines.reports.period import Span
from pipelines.reports.questions import BY_CAMPAIGN, BY_COUNTRY, HEADLINE, OF_A_PERIOD
from tests.support import metric_tables
from tests.support.metric_tables import insert

MAY = Span.parse("2026-05")


@pytest.fixture
def copy():
    with duckdb.connect() as connection:
        metric_tables.published(connection)
        yield connection


def cell(workspace, campaign, attempted, delivered, *, day=date(2026, 5, 4)):
    level = "campaign" if campaign else "workspace" if workspace else "platform"
    numbers = {"attempted_messages": attempted, "delivered_messages": delivered}
    squares = {f"{name}_squares": 49 for name in numbers}
    keys = {"workspace_key": workspace or "all", "campaign_key": campaign or "all"}
    return {"send_date": day, "level": level, **keys, **numbers, **squares}


def test_numbers_and_their_ranges_are_those_of_the_metric(copy):
    insert(copy, "cubes.cube_campaign_daily", [cell("aa", None, 210, 140), cell("bb", None, 21, 14)])

    row = frames_of(copy, MAY)["aa"].only(HEADLINE)

    question = Question(where={"workspace": "aa"}, first=MAY.first, last=MAY.last)
    query = published_query(load_metrics()["delivery_rate"], question, load_tables())
    assert copy.execute(query.sql, query.parameters).fetchall() == [
        (row["delivery_rate"].value, row["delivery_rate"].low, row["delivery_rate"].high)
    ]
    assert row["attempted_messages"].value == 210


def test_a_workspace_gets_its_own_rows_whether_asked_for_alone_or_with_all(copy):
    cells = [cell(w, c, n, n) for w, n in (("aa", 70), ("bb", 35)) for c in (None, f"{w}-spring")]
    insert(copy, "cubes.cube_campaign_daily", cells)

    together, alone = frames_of(copy, MAY), frames_of(copy, MAY, workspace="aa")

    assert together["aa"] == alone["aa"]
    assert set(alone) == {"aa"}
    for key, frames in together.items():
        rows = [row for asked in OF_A_PERIOD for row in frames.rows(asked)]
        assert {row.keys["workspace"] for row in rows} == {key}
    assert [row.keys["campaign"] for row in together["bb"].rows(BY_CAMPAIGN)] == ["bb-spring"]


def test_what_a_week_cannot_know_is_no_row_rather_than_zero(copy):
    insert(copy, "cubes.cube_campaign_daily", [cell(None, None, 70, 70)])

    found = platform_frames(copy, Span.parse("2026-W19"))

    assert found.only(HEADLINE)["attempted_messages"].value == 70
    assert found.rows(BY_COUNTRY) == []


def test_a_number_that_was_taken_out_is_unknown_and_not_zero(copy):
    insert(copy, "cubes.cube_campaign_daily", [cell(None, None, 70, None)])

    row = platform_frames(copy, MAY).only(HEADLINE)

    assert not row["delivered_messages"].is_known
    assert not row["delivery_rate"].is_known


def test_a_copy_without_marts_or_with_fewer_metrics_still_answers(copy):
    insert(copy, "cubes.cube_campaign_daily", [cell(None, None, 70, 70)])
    copy.execute("alter table cubes.cube_campaign_daily drop column opted_out_messages")

    (row,) = answer(copy, HEADLINE, span=MAY)
    found = published(copy, MAY)

    assert row["delivered_messages"].value == 70
    assert not row["opt_out_rate"].is_known
    assert (found.benchmarks, found.late, found.coverage) == ({}, {}, None)
    assert found.days == (date(2026, 5, 4), date(2026, 5, 4), 1)
    assert last_day(copy) == date(2026, 5, 4)


def test_a_month_says_how_many_workspaces_it_counts(copy):
    insert(copy, "cubes.cube_campaign_daily", [cell(None, None, 70, 70)])
    copy.execute(
        "create or replace table cubes.cube_coverage_monthly as "
        "select date '2026-05-01' as month, 9 as workspaces_counted, 12 as workspaces_total"
    )

    assert published(copy, MAY).coverage == (9, 12)


def test_masked_names_are_told_apart_by_the_beginning_of_their_keys(copy):
    names = {"aaaa1": "<NAME>", "bbbb2": "<NAME>", "cccc3": "Bakery"}
    rows = [{"workspace_key": key, "workspace_name": name} for key, name in names.items()]
    insert(copy, "dim_published_workspaces", rows)

    found = published(copy, MAY)

    assert [found.label(key) for key in [*names, "dddd4", "other"]] == [
        "<NAME> · aaaa",
        "<NAME> · bbbb",
        "Bakery",
        "Workspace dddd",
        "Other workspaces",
    ]


@pytest.mark.parametrize(
    ("one", "other", "differs"),
    [
        (Number(0.5, 0.4, 0.6), Number(0.7, 0.61, 0.8), True),
        (Number(0.7, 0.61, 0.8), Number(0.5, 0.4, 0.6), True),
        (Number(0.5, 0.4, 0.6), Number(0.6, 0.55, 0.7), False),
        (Number(0.5, 0.4, 0.6), Number(), False),
    ],
)
def test_two_numbers_differ_where_their_ranges_are_apart(one, other, differs):
    assert one.differs_from(other) == differs
