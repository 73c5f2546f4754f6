"""Which rule applies: tables of days for people, laws for machines."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    active_holds,
    changes_between,
    expired_through,
    outlives_account,
    refused_from,
    terminated_on,
    version_at,
    window_at,
)

CLASSES = (15, 30, 60, 90, 180, 365)
START = datetime(2027, 11, 1)


def version(since: date, days: int, *, account: int = 30) -> Version:
    return Version(
        since,
        {
            "orders": Rule(Clock.EVENT, days, per_workspace=True),
            "visits": Rule(Clock.EVENT, days),
            "bills": Rule(Clock.EVENT, 2557, outlives_account=True),
            "account": Rule(Clock.SUBSCRIPTION_END, account),
            "buyers": Rule(Clock.DELETION_OR_TERMINATION, account),
            "figures": Rule(Clock.NONE, None),
        },
    )


def inputs(*settings: tuple[datetime, int | None], versions: tuple[Version, ...] = ()) -> RetentionInputs:
    chosen = {"ws": tuple(Setting(at, days) for at, days in settings)} if settings else {}
    return RetentionInputs(versions or (version(date(2026, 4, 1), 90),), CLASSES, chosen)


# Windows ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "days", "why"),
    [
        (None, 90, Precedence.DEFAULT),
        (365, 365, Precedence.SETTING),
        (364, 180, Precedence.SETTING),
        (90, 90, Precedence.SETTING),
        (89, 60, Precedence.SETTING),
        (15, 15, Precedence.SETTING),
        (3, 15, Precedence.SETTING),
        (5_000, 365, Precedence.SETTING),
    ],
)
def test_a_setting_is_rounded_down_to_a_class_and_the_smallest_class_is_the_least(chosen, days, why):
    window = window_at(inputs((START, chosen)), "orders", "ws", START)

    assert (window.days, window.precedence) == (days, why)


@given(st.integers(min_value=15, max_value=4_000))
def test_no_setting_is_ever_overshot(chosen):
    days = window_at(inputs((START, chosen)), "orders", "ws", START).days

    assert days in CLASSES
    assert days <= chosen


@pytest.mark.parametrize(
    ("category", "workspace", "days", "why"),
    [
        ("orders", "ws", 30, Precedence.SETTING),
        ("orders", "ws_other", 90, Precedence.DEFAULT),
        ("orders", None, 90, Precedence.DEFAULT),
        ("visits", "ws", 90, Precedence.DEFAULT),
        ("bills", "ws", 2557, Precedence.STATUTORY),
        ("account", "ws", None, Precedence.DEFAULT),
        ("buyers", "ws", None, Precedence.DEFAULT),
        ("figures", "ws", None, Precedence.DEFAULT),
    ],
)
def test_a_workspace_chooses_for_itself_and_only_where_it_may(category, workspace, days, why):
    window = window_at(inputs((START, 30)), category, workspace, START)

    assert (window.days, window.precedence) == (days, why)


def test_before_the_first_version_the_first_applies_and_then_the_newest_that_has_come():
    two = inputs(versions=(version(date(2026, 4, 1), 90), version(date(2026, 5, 1), 60)))

    in_force = {
        day: version_at(two, datetime.fromisoformat(day)).rules["visits"].window_days
        for day in ("2020-01-01", "2026-04-30T23:59:59", "2026-05-01", "2040-01-01")
    }

    assert list(in_force.values()) == [90, 90, 60, 60]


# Expiry by day ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "days", "gone_on"),
    [
        ("2027-12-31", 15, "2028-01-15"),
        ("2027-12-17", 15, "2028-01-01"),
        ("2028-02-14", 15, "2028-02-29"),  # a leap year
        ("2027-02-14", 15, "2027-03-01"),
        ("2028-02-29", 365, "2029-02-28"),
        ("2027-12-01", 90, "2028-02-29"),
        ("2028-01-31", 30, "2028-03-01"),
    ],
)
def test_a_day_goes_on_the_day_on_which_it_reaches_its_window_not_a_moment_before(day, days, gone_on):
    known = inputs((datetime(2020, 1, 1), days))
    moment = datetime.fromisoformat(gone_on)

    before = expired_through(known, "orders", "ws", moment - timedelta(microseconds=1))

    assert before == date.fromisoformat(day) - timedelta(days=1)
    assert expired_through(known, "orders", "ws", moment) == date.fromisoformat(day)


@pytest.mark.parametrize("category", ["account", "buyers", "figures"])
def test_what_starts_at_no_event_does_not_expire_by_day(category):
    assert expired_through(inputs(), category, "ws", START) is None


def test_shortening_reaches_what_is_there_and_lengthening_brings_nothing_back():
    changes = inputs((START, 90), (START + timedelta(days=10), 30), (START + timedelta(days=20), 180))

    reached = [
        expired_through(changes, "orders", "ws", START + timedelta(days=day))
        for day in (9, 10, 19, 20, 150, 175)
    ]

    # Ninety days; thirty, at once; then nothing more until a hundred and eighty have caught up.
    ages = [
        (START + timedelta(days=day)).date() - d
        for day, d in zip((9, 10, 19, 20, 150, 175), reached, strict=True)
    ]
    assert [age.days for age in ages] == [90, 30, 30, 31, 161, 180]


def test_a_new_version_of_the_policy_shortens_and_lengthens_in_the_same_way():
    three = inputs(
        versions=(version(date(2026, 1, 1), 90), version(date(2026, 7, 1), 30), version(date(2026, 8, 1), 90))
    )

    reached = [
        expired_through(three, "visits", None, datetime(2026, m, d))
        for m, d in ((6, 30), (7, 1), (8, 1), (9, 1))
    ]

    assert reached == [date(2026, 4, 1), date(2026, 6, 1), date(2026, 7, 1), date(2026, 7, 1)]


hours = st.integers(min_value=0, max_value=24 * 120).map(lambda h: START + timedelta(hours=h))
windows = st.sampled_from((None, 3, 15, 29, 30, 60, 90, 120, 180, 365))
histories = st.lists(st.tuples(hours, windows), unique_by=lambda change: change[0], max_size=4).map(sorted)
policies = st.lists(
    st.tuples(st.integers(1, 100), st.sampled_from((15, 30, 90, 200))), unique_by=lambda v: v[0], max_size=2
).map(
    lambda changes: (
        version(date(2026, 4, 1), 90),
        *(version((START + timedelta(days=n)).date(), days) for n, days in sorted(changes)),
    )
)


@given(history=histories, versions=policies, at=hours)
def test_a_day_is_expired_if_it_was_past_the_window_of_any_hour_so_far(history, versions, at):
    known = inputs(*history, versions=versions)
    moments = [START - timedelta(days=400)]
    moments += [START + timedelta(hours=h) for h in range(int((at - START) / timedelta(hours=1)) + 1)]
    moments += [moment - timedelta(microseconds=1) for moment in moments[1:]]

    reached = max(
        moment.date() - timedelta(days=window_at(known, "orders", "ws", moment).days) for moment in moments
    )

    assert expired_through(known, "orders", "ws", at) == reached


@given(history=histories, versions=policies, one=hours, other=hours)
def test_what_has_expired_stays_expired(history, versions, one, other):
    known = inputs(*history, versions=versions)

    earlier, later = (expired_through(known, "orders", "ws", at) for at in sorted((one, other)))

    assert earlier <= later


@given(history=histories, versions=policies, since=hours, days=windows, at=hours)
def test_no_change_of_a_window_brings_back_what_had_expired(history, versions, since, days, at):
    before = inputs(*history, versions=versions)
    changed = inputs(
        *sorted([*(change for change in history if change[0] != since), (since, days)]), versions=versions
    )
    moment = timedelta(microseconds=1)

    had_expired = expired_through(before, "orders", "ws", min(at, since - moment))

    assert expired_through(changed, "orders", "ws", max(at, since)) >= had_expired


@given(history=histories.filter(bool), versions=policies, at=hours, data=st.data())
def test_a_shorter_window_only_deletes_more(history, versions, at, data):
    place = data.draw(st.integers(0, len(history) - 1))
    since, days = history[place]
    shorter = data.draw(st.integers(1, days if days is not None else 15))
    changed = [*history[:place], (since, shorter), *history[place + 1 :]]

    before = expired_through(inputs(*history, versions=versions), "orders", "ws", at)

    assert expired_through(inputs(*changed, versions=versions), "orders", "ws", at) >= before


@given(history=histories, versions=policies, at=hours, since=hours)
def test_a_window_that_is_said_not_to_have_changed_has_not(history, versions, at, since):
    known = inputs(*history, versions=versions)
    since, at = sorted((since, at))

    if not changes_between(known, "orders", "ws", since, at):
        assert window_at(known, "orders", "ws", since).days == window_at(known, "orders", "ws", at).days


# The end of an account --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ended_at", "gone_on", "refused_on"),
    [
        (datetime(2027, 12, 2), date(2028, 1, 1), date(2027, 12, 18)),
        (datetime(2028, 1, 30, 23, 59), date(2028, 2, 29), date(2028, 2, 15)),
        (datetime(2027, 1, 30), date(2027, 3, 1), date(2027, 2, 15)),
    ],
)
def test_an_account_is_gone_after_its_window_and_refused_while_raw_records_could_outlast_it(
    ended_at, gone_on, refused_on
):
    known = replace(inputs(), ended={"ws": ended_at})

    assert terminated_on(known, "ws", ended_at) == gone_on
    assert refused_from(known, "ws", ended_at, inbox_ttl_days=14) == refused_on
    assert terminated_on(known, "ws_other", ended_at) is None
    assert refused_from(known, "ws_other", ended_at, inbox_ttl_days=14) is None


def test_only_a_statutory_window_outlives_the_account():
    kept = [name for name in inputs().versions[0].rules if outlives_account(inputs(), name, START)]

    assert kept == ["bills"]


# Legal holds ------------------------------------------------------------------------------------

OWNED = frozenset({"workspace_id"})
ORDERS = DataSet("shop__orders", "orders", Layout.DAYS, "paid_at", OWNED | {"contact_token", "paid_at"})
VISITS = DataSet("shop__visits", "visits", Layout.DAYS, "seen_at", OWNED | {"seen_at"})
HOLDS = DataSet("shop__holds", "account", Layout.BUCKETS, columns=OWNED | {"contact_token"}, holds=True)
RAW = DataSet("_quarantine", "visits", Layout.DAYS)


def hold(name: str = "h", *, expires: datetime = START, **scope: object) -> Hold:
    return Hold(name, "ws", expires, **scope)


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        ({}, {"shop__orders", "shop__visits"}),
        ({"source": "shop__orders"}, {"shop__orders"}),
        ({"contact_token": "t"}, {"shop__orders"}),
        ({"source": "shop__visits", "contact_token": "t"}, set()),
    ],
)
def test_a_hold_shelters_what_it_names_never_the_holds_themselves_nor_what_is_nobodys(scope, covered):
    assert {data.source for data in (ORDERS, VISITS, HOLDS, RAW) if hold(**scope).covers(data)} == covered


@pytest.mark.parametrize(
    ("held_from", "held_to", "first", "last"),
    [
        # A clock may be a day ahead of the day that a row is filed under.
        (datetime(2028, 2, 28), datetime(2028, 3, 1), date(2028, 2, 27), date(2028, 2, 29)),
        (datetime(2028, 2, 28, 12), datetime(2028, 2, 29, 1), date(2028, 2, 27), date(2028, 2, 29)),
        (None, datetime(2028, 2, 26), None, date(2028, 2, 25)),
        (datetime(2028, 3, 3), None, date(2028, 3, 2), None),
    ],
)
def test_no_day_is_left_out_that_may_hold_an_event_of_the_period(held_from, held_to, first, last):
    days = [date(2028, 2, 20) + timedelta(days=n) for n in range(20)]
    scoped = hold(held_from=held_from, held_to=held_to)

    covered = [day for day in days if scoped.covers(ORDERS, day=day)]

    assert covered == [d for d in days if (first is None or d >= first) and (last is None or d <= last)]


def test_the_hold_that_lasts_longest_comes_first_and_one_that_has_expired_not_at_all():
    later = START + timedelta(days=1)
    known = replace(
        inputs(),
        holds=(
            hold("c"),
            hold("b", expires=later),
            hold("a", expires=later),
            hold("d", expires=later + timedelta(days=1)),
        ),
    )

    assert [h.name for h in active_holds(known, START)] == ["d", "a", "b"]
