"""Every explanation names the rule that decides, the day, what lost against it, and what it means."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.retention.explain import Explanation, explain
from warehouse.retention.reasons import Found, reasons
from warehouse.retention.records import Tombstone
from warehouse.retention.rules import (
    Clock,
    DataSet,
    Hold,
    Layout,
    Precedence,
    RetentionInputs,
    Rule,
    Setting,
    Version,
    expired_through,
)

NOW = datetime(2026, 6, 30, 6)
DAY = date(2026, 5, 1)
SHORTENED = "The window was shortened on {}, and shortening reaches what is there already."
LENGTHENED = "the day had expired on {} already, and lengthening a window brings nothing back."
OWNED = frozenset({"workspace_id"})
SETS = {
    data.source: data
    for data in (
        DataSet("shop__orders", "orders", Layout.DAYS, "paid_at", OWNED | {"contact_token"}),
        DataSet("shop__visits", "visits", Layout.DAYS, "seen_at", OWNED),
        DataSet("shop__bills", "bills", Layout.MONTHS, "billed_at", OWNED),
        DataSet("shop__buyers", "buyers", Layout.BUCKETS, None, OWNED | {"contact_token"}),
        DataSet("shop__owners", "account", Layout.BUCKETS, None, OWNED),
        DataSet("shop__holds", "account", Layout.BUCKETS, None, OWNED, holds=True),
        DataSet("_quarantine", "quarantine", Layout.DAYS),
    )
}


def version(since: date, days: int = 90) -> Version:
    return Version(
        since,
        {
            "orders": Rule(Clock.EVENT, days, per_workspace=True),
            "visits": Rule(Clock.EVENT, days),
            "bills": Rule(Clock.EVENT, 2557, outlives_account=True),
            "account": Rule(Clock.SUBSCRIPTION_END, 30),
            "buyers": Rule(Clock.DELETION_OR_TERMINATION, 30),
            "quarantine": Rule(Clock.EVENT, 14),
        },
    )


def on(day: str) -> datetime:
    return datetime.fromisoformat(f"2026-{day}")


def inputs(*settings: tuple[str, int | None], **changes: object) -> RetentionInputs:
    chosen = {"ws": tuple(Setting(on(day), days) for day, days in settings)} if settings else {}
    return replace(RetentionInputs((version(date(2026, 4, 1)),), (15, 30, 60, 90, 180), chosen), **changes)


def told(source: str, known: RetentionInputs, *, as_of: datetime = NOW, **asked: object) -> Explanation:
    found = explain(known, SETS, "ws", **({"event_day": DAY, "as_of": as_of} | asked))
    return next(explanation for explanation in found if explanation.source == source)


@pytest.mark.parametrize(
    ("known", "rule", "due", "since", "why", "lost"),
    [
        (
            inputs(),
            Precedence.DEFAULT,
            date(2026, 7, 30),
            date(2026, 4, 1),
            "90 days after the event, the default of orders.",
            [],
        ),
        (
            inputs(("04-10", 45)),
            Precedence.SETTING,
            date(2026, 5, 31),
            date(2026, 4, 10),
            "30 days after the event, as the workspace chose 45, rounded down to a class.",
            ["90 days: the workspace chose its own window."],
        ),
        (
            inputs(("04-10", 5)),
            Precedence.SETTING,
            date(2026, 5, 16),
            date(2026, 4, 10),
            "15 days after the event, as the workspace chose 5, less than the shortest class.",
            ["90 days: the workspace chose its own window."],
        ),
        (
            inputs(("06-10", 30)),
            Precedence.SETTING,
            date(2026, 6, 10),
            date(2026, 6, 10),
            f"30 days after the event, as the workspace chose. {SHORTENED.format('2026-06-10')}",
            ["90 days: the workspace chose its own window."],
        ),
        (
            inputs(("04-10", 30), ("06-10", 180)),
            Precedence.SETTING,
            date(2026, 5, 31),
            date(2026, 4, 10),
            "30 days after the event, as the workspace chose.",
            [
                f"180 days, in force since 2026-06-10: {LENGTHENED.format('2026-05-31')}",
                "90 days: the workspace chose its own window.",
            ],
        ),
        (
            inputs(("04-10", 30), ("05-20", 180)),
            Precedence.SETTING,
            date(2026, 10, 28),
            date(2026, 5, 20),
            "180 days after the event, as the workspace chose.",
            ["90 days: the workspace chose its own window."],
        ),
        (
            inputs(("07-10", 30)),  # known already, not in force yet
            Precedence.SETTING,
            date(2026, 7, 10),
            date(2026, 7, 10),
            f"30 days after the event, as the workspace chose. {SHORTENED.format('2026-07-10')}",
            ["90 days: the workspace chose its own window."],
        ),
        (
            inputs(versions=(version(date(2026, 4, 1)), version(date(2026, 6, 1), 30))),
            Precedence.DEFAULT,
            date(2026, 6, 1),
            date(2026, 6, 1),
            f"30 days after the event, the default of orders. {SHORTENED.format('2026-06-01')}",
            [],
        ),
    ],
)
def test_the_window_that_a_day_reaches_first_decides(known, rule, due, since, why, lost):
    found = told("shop__orders", known)

    assert (found.rule, found.due, found.since, found.why) == (rule, due, since, why)
    assert found.is_due == (due <= NOW.date())
    assert [loser.why for loser in found.lost] == lost


def test_the_class_is_that_of_the_window_in_force():
    changed = inputs(("04-10", 30), ("06-10", 180))

    assert told("shop__orders", changed).retention_class == 180
    assert told("shop__orders", changed, as_of=on("06-09")).retention_class == 30
    assert told("shop__bills", changed).retention_class is None


@pytest.mark.parametrize(
    ("source", "ended", "rule", "due", "lost"),
    [
        ("shop__orders", "05-20", Precedence.TERMINATION, date(2026, 6, 19), [Precedence.DEFAULT]),
        ("shop__orders", "07-10", Precedence.DEFAULT, date(2026, 7, 30), [Precedence.TERMINATION]),
        ("shop__bills", "05-20", Precedence.STATUTORY, date(2033, 5, 1), [Precedence.TERMINATION]),
        ("shop__buyers", "05-20", Precedence.TERMINATION, date(2026, 6, 19), []),
        ("shop__owners", "05-20", Precedence.TERMINATION, date(2026, 6, 19), []),
        ("shop__holds", "05-20", Precedence.DEFAULT, None, []),
    ],
)
def test_the_end_of_an_account_takes_all_but_what_the_law_keeps(source, ended, rule, due, lost):
    found = told(source, inputs(ended={"ws": on(ended)}))

    assert (found.rule, found.due, [loser.rule for loser in found.lost]) == (rule, due, lost)


def test_an_account_that_was_ended_is_remembered_where_facts_are_gone():
    found = told("shop__owners", inputs(), ended_since=date(2026, 6, 19))

    assert (found.rule, found.due, found.is_due) == (Precedence.TERMINATION, date(2026, 6, 19), True)


@pytest.mark.parametrize(
    ("scope", "held"),
    [
        ({}, {"shop__orders", "shop__visits", "shop__bills", "shop__buyers", "shop__owners"}),
        ({"contact_token": "t"}, {"shop__orders", "shop__buyers"}),
        ({"source": "shop__visits"}, {"shop__visits"}),
        ({"held_to": on("04-01")}, {"shop__buyers", "shop__owners"}),
        ({"workspace_id": "ws_other"}, set()),
        ({"expires_at": NOW}, set()),
    ],
)
def test_holds_are_named_where_they_may_keep_something(scope, held):
    hold = Hold(**({"name": "h", "workspace_id": "ws", "expires_at": on("12-31")} | scope))

    found = explain(inputs(holds=(hold,)), SETS, "ws", event_day=DAY, as_of=NOW)

    assert {explanation.source for explanation in found if explanation.holds} == held


def test_quarantine_counts_from_the_arrival():
    found = told("_quarantine", inputs(("04-10", 30)))

    assert (found.due, found.why) == (
        date(2026, 5, 15),
        "14 days after they came, the default of quarantine.",
    )
    assert found.lost == ()


HAS_ENDED = "which has ended: the next apply deletes them."
PLACE = "event_date=2026-05-01/retention_days=30"


@pytest.mark.parametrize(
    ("known", "item", "reason"),
    [
        (inputs(), Found("shop__orders", PLACE, 3), f"3 row(s) in {PLACE}: not due before 2026-07-30."),
        (
            inputs(("04-10", 30)),
            Found("shop__orders", PLACE, 3),
            f"3 row(s) in {PLACE}: due since 2026-05-31: the next `wasms retention apply` deletes them.",
        ),
        (
            inputs(("04-10", 30), holds=(Hold("h", "ws", on("12-31")),)),
            Found("shop__orders", f"hold=h/{PLACE}", 3, "h"),
            f"3 row(s) in hold=h/{PLACE}: retained under legal hold h, until 2026-12-31.",
        ),
        (
            inputs(("04-10", 30)),
            Found("shop__orders", f"hold=h/{PLACE}", 3, "h"),
            f"3 row(s) in hold=h/{PLACE}: retained under legal hold h, {HAS_ENDED}",
        ),
        (
            inputs(("04-10", 30)),
            Found("shop__orders", PLACE, None, is_hidden=True),
            f"A file in {PLACE}: deleted; the file waits for readers, 15 minutes at most.",
        ),
        (
            inputs(("04-10", 30)),
            Found("shop__orders", PLACE, None),
            f"Unreadable rows in {PLACE}: their key is destroyed.",
        ),
    ],
)
def test_what_is_there_is_there_for_a_reason(known, item, reason):
    assert list(reasons(told("shop__orders", known), [item], [])) == [reason]


def test_what_is_gone_has_its_evidence():
    stone = Tombstone("shop__orders", DAY, 30, on("05-31"), 7)

    assert list(reasons(told("shop__orders", inputs(("04-10", 30))), [], [stone])) == [
        "Rows of the 30-day class were deleted as of 2026-05-31: evidence entry 7."
    ]


changes = st.lists(
    st.tuples(st.integers(0, 100), st.sampled_from((None, 15, 30, 60, 90, 180))),
    unique_by=lambda change: change[0],
    max_size=4,
).map(sorted)


@given(history=changes, age=st.integers(-10, 200))
def test_the_day_named_is_the_day_on_which_the_rules_let_it_go(history, age):
    start = datetime(2026, 6, 1)
    chosen = tuple(Setting(start + timedelta(days=day, hours=6), days) for day, days in history)
    known = inputs(settings={"ws": chosen} if chosen else {})
    event_day = start.date() + timedelta(days=age)

    due = told("shop__orders", known, event_day=event_day).due

    evening = datetime.combine(due, datetime.max.time())
    assert expired_through(known, "orders", "ws", evening) >= event_day
    assert expired_through(known, "orders", "ws", evening - timedelta(days=1)) < event_day
