"""The guard on the amount of a plan: when it lets pass, when it waits for a person."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.retention import guard
from warehouse.retention.evidence import Entry
from warehouse.retention.guard import FLOOR_ROWS, MOST_TIMES_THE_MEDIAN, Unusual, unusual
from warehouse.retention.plan import GONE, Outcome, PartItem, Plan, Reason
from warehouse.retention.plan_entry import APPLIED

TODAY = datetime(2026, 3, 1, 3)
REASON = Reason("default", "message_log", 90, date(2026, 1, 1), date(2026, 3, 1))


def plan_of(rows: int) -> Plan:
    part = PartItem(
        "store/x", "shop__orders", "event_date=2025-12-01", rows, 1, "-", (Outcome(GONE, rows, REASON),)
    )
    return Plan(as_of=TODAY, policy_version=date(2026, 1, 1), inputs="-", parts=(part,) if rows else ())


def evidence(*rows_by_day: int, kind: str = APPLIED) -> list[Entry]:
    """One entry a day, the last of them yesterday."""
    return [
        Entry(n, TODAY, TODAY - timedelta(days=len(rows_by_day) - n), kind, {"rows_gone": rows}, "", "")
        for n, rows in enumerate(rows_by_day)
    ]


@pytest.mark.parametrize(
    ("rows", "history", "waits"),
    [
        (50_000, [5_000] * 30, False),
        (50_001, [5_000] * 30, True),
        (1_000_000, [5_000] * 6, False),  # too few days to say what is usual
        (50_001, [5_000] * 7, True),
        (10_000, [1] * 30, False),  # below the floor
        (10_001, [1] * 30, True),
        (10_001, [0] * 30, True),
        (50_001, [5_000] * 20 + [9_000_000] * 10, True),  # earlier outliers do not raise the bar
        (50_001, [9_000_000] * 20 + [5_000] * 30, True),  # only the last thirty days count
        (0, [5_000] * 30, False),
    ],
)
def test_a_plan_waits_above_ten_times_the_median_of_thirty_days_and_a_floor(rows, history, waits):
    assert (unusual(plan_of(rows), evidence(*history)) is not None) is waits


def test_it_says_how_much_how_much_usually_and_how_much_would_have_passed():
    assert unusual(plan_of(60_000), evidence(*[5_000] * 8)) == Unusual(60_000, 5_000, 50_000)


def test_a_large_deletion_does_not_pass_in_slices():
    earlier_today = Entry(99, TODAY, TODAY - timedelta(hours=2), APPLIED, {"rows_gone": 30_000}, "", "")

    assert unusual(plan_of(30_000), evidence(*[5_000] * 8)) is None
    assert unusual(plan_of(30_000), [*evidence(*[5_000] * 8), earlier_today]) is not None


def test_several_plans_of_one_day_are_one_day():
    twice = [*evidence(*[2_500] * 8), *evidence(*[2_500] * 8)]

    assert unusual(plan_of(50_000), twice) is None


def test_other_entries_say_nothing_about_amounts():
    others = evidence(*[1] * 30, kind="retention finished")

    assert unusual(plan_of(50_000), [*evidence(*[5_000] * 8), *others]) is None


def test_a_guard_without_a_limit_lets_everything_pass(monkeypatch):
    """Twin: the same plan and history, with the multiple taken out."""
    monkeypatch.setattr(guard, "MOST_TIMES_THE_MEDIAN", 10**9)

    assert unusual(plan_of(10**6), evidence(*[5_000] * 8)) is None


@given(
    rows=st.integers(0, 10**8),
    history=st.lists(st.integers(0, 10**6), max_size=60),
)
def test_what_waits_is_more_than_the_floor_and_ten_times_each_day_of_the_smaller_half(rows, history):
    found = unusual(plan_of(rows), evidence(*history))

    if found is not None:
        assert rows > FLOOR_ROWS
        low = sorted(history[-30:])[: len(history[-30:]) // 2]
        assert all(rows > MOST_TIMES_THE_MEDIAN * day for day in low)
