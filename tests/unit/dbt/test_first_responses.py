"""How long a contact waits for the workspace's answer: conversations, and the first message after each."""

from datetime import date, datetime, timedelta

import pytest

from pipelines.codegen.cubes import cube_sql
from pipelines.codegen.model_sql import UNBOUNDED, UNROUNDED
from pipelines.declarations.cube import load_cubes
from pipelines.declarations.metric import load_metrics, load_tables
from pipelines.disclosure.attacks.worlds import NO_THRESHOLD
from pipelines.disclosure.slices import make_slices
from pipelines.metrics.question import Question
from pipelines.metrics.restricted import restricted_query

CUBE = load_cubes()["cube_first_responses_monthly"].model_copy(update={"minimum_units": NO_THRESHOLD})
METRICS, TABLES = load_metrics(), load_tables()
MAY = (date(2026, 5, 1), date(2026, 5, 31))
NOON = datetime(2026, 5, 31, 12)


def wrote(minutes=0, contact="a"):
    at = NOON + timedelta(minutes=minutes)
    row = {"event_id": f"in-{contact}-{minutes}", "message_token": f"in-{contact}-{minutes}"}
    row |= {"contact_token": contact, "message_type": "text", "occurred_at": at, "event_date": at.date()}
    return row | {"workspace_id": "w"}


def answered(minutes, contact="a", **more):
    at = NOON + timedelta(minutes=minutes)
    row = {"event_id": f"out-{contact}-{minutes}", "message_token": f"out-{contact}-{minutes}"}
    row |= {"contact_token": contact, "channel": "whatsapp", "provider": "whatsapp", "outcome": "accepted"}
    return row | {"workspace_id": "w", "queued_at": at, "event_date": at.date()} | more


def by_phone(minutes, contact="a"):
    at = NOON + timedelta(minutes=minutes)
    row = {"event_id": f"echo-{minutes}", "message_token": f"echo-{minutes}", "contact_token": contact}
    return row | {"workspace_id": "w", "message_type": "text", "occurred_at": at, "event_date": at.date()}


@pytest.fixture
def waited(sql):
    """Load what was written, and make the slice of May and the restricted facts."""
    sql.connection.execute("create macro record_key(w, unit) as 1")
    sql.connection.execute("create macro surrogate(w, kind, value) as value")
    sql.connection.execute(
        "create table stg_retention__months as select 'message_log' as category, date '2026-05-01' as month, "
        "null::varchar as workspace_id, true as is_complete"
    )

    def load(*, inbound, outbox=(), echoes=()):
        sql.load("stg_whatsapp__messages", inbound)
        sql.load("stg_app__messages", outbox)
        sql.load("stg_whatsapp__echoes", echoes)
        sql.connection.execute(f"create table fct_conversations as {sql.models.model('fct_conversations')}")
        sql.connection.execute(
            "create table slice_month_leaves as select date '2026-05-01' as month, 'w' as workspace_id, "
            "'w' as workspace_key"
        )
        sql.models.bounds = {"day": MAY, "month": MAY, "all": MAY}
        make_slices(sql.connection, sql.models, ["slice_month_first_responses"])
        return sql

    return load


@pytest.mark.parametrize(
    ("case", "outbox", "echoes", "response_bin"),
    [
        ("no answer", [], [], None),
        ("within a quarter of an hour", [answered(10)], [], "15min"),
        ("by an app on a phone", [], [by_phone(3)], "5min"),
        ("the first counts", [answered(300), answered(50)], [by_phone(200)], "1h"),
        ("on the first day of the next month", [answered(23 * 60)], [], "1d"),
        ("after a day", [answered(24 * 60)], [], None),
        ("a message before is no answer", [answered(-5)], [], None),
        ("a campaign is no answer", [answered(10, campaign_id="spring")], [], None),
        ("what was not sent is no answer", [answered(10, outcome="skipped")], [], None),
        ("to somebody else", [answered(10, "b")], [], None),
    ],
)
def test_a_contact_waits_for_the_first_message_of_no_campaign(waited, case, outbox, echoes, response_bin):
    # The second message is of the same conversation.
    sql = waited(inbound=[wrote(), wrote(5)], outbox=outbox, echoes=echoes)

    rows = sql.connection.execute("select response_bin from slice_month_first_responses").fetchall()

    assert rows == [(response_bin,)], case
    facts = sql.connection.execute("select is_answered from fct_conversations").fetchall()
    assert facts == [(response_bin is not None,)], case


def test_metrics_of_responses_are_what_sql_by_hand_counts(waited):
    people = [f"p{number}" for number in range(20)]
    sql = waited(
        inbound=[wrote(contact=p) for p in people],
        outbox=[answered(4 * n + 1, p) for n, p in enumerate(people[:15])],
    )

    def exactly(metric):
        query = restricted_query(METRICS[metric], Question(), TABLES)
        return sql.connection.execute(query.sql, query.parameters).fetchall()[0][0]

    by_hand = (
        "select 60 * quantile_cont(date_diff('minute', i.occurred_at, o.queued_at), {0}) "
        "from stg_whatsapp__messages as i inner join stg_app__messages as o using (contact_token)"
    )
    for name, share in (("first_response_p50", 0.5), ("first_response_p95", 0.95)):
        assert exactly(name) == pytest.approx(sql.connection.execute(by_hand.format(share)).fetchone()[0])
    cube = sql.render(cube_sql(CUBE), **UNROUNDED, **UNBOUNDED)
    summed = "select sum(answered_conversations), sum(conversations) from ({0}) where level = 'workspace'"
    assert sql.connection.execute(summed.format(cube)).fetchall() == [(15, 20)]
