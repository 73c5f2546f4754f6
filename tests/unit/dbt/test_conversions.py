"""A conversion belongs to the message of the person's last click before it, within seven days."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from pipelines.codegen.cubes import cube_sql
from pipelines.codegen.model_sql import UNBOUNDED, UNROUNDED
from pipelines.declarations.cube import load_cubes
from pipelines.declarations.metric import load_metrics, load_tables
from pipelines.disclosure.attacks.worlds import NO_THRESHOLD
from pipelines.disclosure.slices import make_slices
from pipelines.metrics.question import Question
from pipelines.metrics.restricted import restricted_query

DAY = date(2026, 5, 10)
NOON = datetime(2026, 5, 10, 12)
CUBES, METRICS, TABLES = load_cubes(), load_metrics(), load_tables()


def at(days=0, **more):
    return NOON + timedelta(days=days, **more)


def sent(token, contact="a", *, days=0, campaign="spring"):
    moment = at(days)
    row = {"event_id": token, "message_token": token, "campaign_id": campaign, "queued_at": moment}
    row |= {"channel": "sms", "provider": "twilio", "outcome": "accepted", "price": "0.05"}
    return row | {"workspace_id": "w", "contact_token": contact, "event_date": moment.date()}


def click(message, contact="a", **moment):
    clicked = at(**moment)
    row = {"event_id": f"{message}-{clicked}", "message_token": message, "clicked_at": clicked}
    return row | {"workspace_id": "w", "contact_token": contact, "event_date": clicked.date()}


def conversion(number=1, contact="a", *, amount="20.00", currency="EUR", by_id=None, **moment):
    converted = at(**moment)
    row = {"event_id": f"conversion-{number}", "contact_token": contact, "contact_id_token": by_id}
    row |= {"amount": amount and Decimal(amount), "currency": currency, "conversion_kind": "purchase"}
    return row | {"workspace_id": "w", "converted_at": converted, "event_date": converted.date()}


@pytest.fixture
def shop(sql):
    """Load a shop's rows, make its facts, its slices and what a metric is by the restricted facts."""
    sql.connection.execute("create macro record_key(w, unit) as 1")
    sql.connection.execute("create macro surrogate(w, kind, value) as value")
    sql.connection.execute(
        "create table stg_retention__months as select 'message_log' as category, date '2026-05-01' as month, "
        "null::varchar as workspace_id, true as is_complete"
    )

    def load(*, messages=(), clicks=(), conversions=(), contacts=(), statuses=()):
        sql.load("stg_app__messages", messages)
        sql.load("stg_twilio__statuses", statuses)
        sql.load("stg_app__link_clicks", clicks)
        sql.load("stg_app__conversions", conversions)
        sql.load("stg_app__contacts", contacts)
        for model in ("dim_campaigns", "dim_contacts", "fct_messages", "fct_conversions"):
            sql.connection.execute(f"create or replace table {model} as {sql.models.model(model)}")
        month = (date(2026, 5, 1), date(2026, 5, 31))
        # Apart, so that the day reads the partitions of a day, and no more.
        for period, bounds in (("month_", month), ("", (DAY, DAY))):
            sql.models.bounds = {"day": bounds, "month": bounds, "all": bounds}
            wanted = [f"slice_{period}conversions", f"slice_{period}leaves"]
            make_slices(sql.connection, sql.models, wanted)
        return sql

    return load


def attributed(sql):
    rows = sql.connection.execute("select event_id, message_token from fct_conversions").fetchall()
    return {event.removeprefix("conversion-"): message for event, message in rows}


M1, M2, LATER = sent("m1"), sent("m2", campaign="summer"), sent("m9", days=9, campaign="autumn")


@pytest.mark.parametrize(
    ("case", "messages", "clicks", "conversions", "found"),
    [
        ("after a click", [M1], [click("m1", hours=1)], [conversion(hours=2)], {"1": "m1"}),
        ("nobody clicked", [M1], [], [conversion(hours=2)], {}),
        ("before the click", [M1], [click("m1", hours=3)], [conversion(hours=2)], {}),
        ("somebody else's click", [M1], [click("m1", "b", hours=1)], [conversion(hours=2)], {}),
        (
            "the last click, whatever was sent last",
            [M1, M2],
            [click("m2", hours=1), click("m1", hours=2)],
            [conversion(hours=3)],
            {"1": "m1"},
        ),
        (
            "a scanner is nobody",
            [M1, M2],
            [click("m1", minutes=30), click("m2", seconds=2)],
            [conversion(hours=1)],
            {"1": "m1"},
        ),
        (
            "a scanner of another day's message is nobody",
            [M1, sent("m3", days=1)],
            [click("m1", hours=1), click("m3", days=1, seconds=3)],
            [conversion(days=1, hours=1)],
            {"1": "m1"},
        ),
        ("within seven days", [M1], [click("m1", days=6)], [conversion(days=7)], {"1": "m1"}),
        ("more than seven days after sending", [M1], [click("m1", days=6)], [conversion(days=8)], {}),
        (
            "a later message takes it, though too late to count for the first",
            [M1, LATER],
            [click("m1", days=3), click("m9", days=9, hours=1)],
            [conversion(days=9, hours=2)],
            {"1": "m9"},
        ),
        (
            "two conversions of one click",
            [M1],
            [click("m1", hours=1)],
            [conversion(1, hours=2), conversion(2, days=2)],
            {"1": "m1", "2": "m1"},
        ),
    ],
)
def test_a_conversion_belongs_to_the_message_of_the_last_click(
    shop, case, messages, clicks, conversions, found
):
    facts = shop(messages=messages, clicks=clicks, conversions=conversions)

    assert attributed(facts) == found, case
    # The slice of the day has those of its own messages, though it reads few days.
    ((counted,),) = facts.connection.execute("select count(*) from slice_conversions").fetchall()
    assert counted == sum(message != "m9" for message in found.values()), case
    ((counted,),) = facts.connection.execute("select count(*) from slice_month_conversions").fetchall()
    assert counted == len(found), case


def test_a_contact_may_be_named_by_id_alone(shop):
    known = {"workspace_id": "w", "contact_id_token": "id-a", "contact_token": "a"}
    facts = shop(
        messages=[M1],
        clicks=[click("m1", hours=1)],
        conversions=[conversion(1, None, by_id="id-a", hours=2), conversion(2, None, by_id="id-b", hours=2)],
        contacts=[known],
    )

    assert attributed(facts) == {"1": "m1"}


ALL_CLICKS = """
    from stg_app__conversions as v
    inner join stg_app__link_clicks as k on v.contact_token = k.contact_token
"""
CONVERTED = "select count(distinct k.message_token)"
BY_HAND = {
    "conversions": f"select count(distinct v.event_id) {ALL_CLICKS}",
    "converting_contacts": f"select count(distinct v.contact_token) {ALL_CLICKS}",
    "converted_messages": f"{CONVERTED} {ALL_CLICKS}",
    "revenue_amount": "select 60.0",
    "revenue_per_conversion": "select 60.0 / 3",
    "conversions_per_contact": "select 4 / 3",
    "conversion_rate": f"{CONVERTED} / (select count(*) from stg_app__messages) {ALL_CLICKS}",
    "click_to_conversion_rate": f"{CONVERTED} / (select count(*) from stg_app__link_clicks) {ALL_CLICKS}",
}


@pytest.mark.parametrize("metric", BY_HAND)
def test_metrics_of_conversions_are_what_sql_by_hand_counts(shop, metric):
    people = [f"p{number}" for number in range(12)]
    facts = shop(
        messages=[sent(f"m-{p}", p) for p in people],
        statuses=[
            {"workspace_id": "w", "message_token": f"m-{p}", "status": "delivered", "event_date": DAY}
            | {"contact_token": p, "received_at": at(minutes=1)}
            for p in people
        ],
        clicks=[click(f"m-{p}", p, hours=1) for p in people[:5]],
        conversions=[
            conversion(1, "p0", hours=2),
            conversion(2, "p0", days=1, amount="30.00"),
            conversion(3, "p1", hours=2, amount="10.00"),
            # One without a price, and one of somebody who did not click.
            conversion(4, "p2", hours=3, amount=None, currency=None),
            conversion(5, "p9", hours=2),
        ],
    )
    where = {"revenue_currency": "EUR"} if metric.startswith("revenue") else {}
    query = restricted_query(METRICS[metric], Question(where=where), TABLES)

    ((exact,),) = facts.connection.execute(query.sql, query.parameters).fetchall()

    ((by_hand,),) = facts.connection.execute(BY_HAND[metric]).fetchall()
    assert float(exact) == pytest.approx(float(by_hand))


@pytest.mark.parametrize("name", ["cube_conversions_daily", "cube_conversions_monthly"])
def test_a_cube_without_protection_has_the_same_numbers(shop, name):
    people = [f"p{number}" for number in range(12)]
    facts = shop(
        messages=[sent(f"m-{p}", p) for p in people],
        clicks=[click(f"m-{p}", p, hours=1) for p in people[:5]],
        conversions=[conversion(n, p, hours=2, amount=f"{n + 1}.50") for n, p in enumerate(people)],
    )
    cube = CUBES[name].model_copy(update={"minimum_units": NO_THRESHOLD})

    rows = facts.connection.execute(
        "select converting_contacts, conversions, revenue_micros from "
        f"({facts.render(cube_sql(cube), **UNROUNDED, **UNBOUNDED)}) "
        "where level = 'workspace' and revenue_currency = 'EUR'"
    ).fetchall()

    assert rows == [(5, 5, 17_500_000)]


def test_a_currency_that_is_not_listed_loses_its_amount_and_no_conversion(shop):
    people = [f"p{number}" for number in range(12)]
    facts = shop(
        messages=[sent(f"m-{p}", p) for p in people],
        clicks=[click(f"m-{p}", p, hours=1) for p in people],
        conversions=[conversion(n, p, hours=2, currency="XAU") for n, p in enumerate(people)],
    )
    cube = CUBES["cube_conversions_daily"]

    rows = facts.connection.execute(
        "select conversions, revenue_currency from "
        f"({facts.render(cube_sql(cube), **UNROUNDED)}) where level = 'campaign' and conversions > 0"
    ).fetchall()

    assert rows == [(12, "unknown")]
