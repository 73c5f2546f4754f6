"""Laws of a cube: numbers are rounded fairly, the same people get the same number, parts fit their whole."""

import random
from datetime import date
from statistics import mean

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.codegen.cubes import cube_sql
from pipelines.declarations.cube import Measure, cube_of
from pipelines.disclosure.surrogates import RECORD_KEYS

BASE = 7
K = 11
MONTH = date(2026, 5, 1)
TRIALS = cube_of(
    yaml.safe_load("""
cube: cube_trials_monthly
description: Messages by country.
facts: slice_month_messages
levels: [platform, workspace]
dimension:
  name: country
  sql: country
  description: Where.
  values: [DE, FR]
measures:
  - audience_contacts
  - reached_contacts
  - attempted_messages
  - delivered_messages
  - readable_messages
  - read_messages
  - failed_messages
  - clicked_messages
"""),
    "cube_trials_monthly",
)
OPEN = TRIALS.model_copy(update={"dimension": TRIALS.dimension.model_copy(update={"values": ()})})
TOTALS = TRIALS.model_copy(update={"dimension": None})
FLAGS = (
    "is_attempted",
    "is_accepted",
    "is_sent",
    "is_delivered",
    "is_readable",
    "is_read",
    "is_failed",
    "is_clicked",
)
OUTCOMES = {
    "skipped": (),
    "rejected": ("is_attempted", "is_failed"),
    "failed": ("is_attempted", "is_accepted", "is_failed"),
    "waiting": ("is_attempted", "is_accepted"),
    "on its way": ("is_attempted", "is_accepted", "is_sent"),
    "unread by SMS": ("is_attempted", "is_accepted", "is_sent", "is_delivered"),
    "unread": ("is_attempted", "is_accepted", "is_sent", "is_delivered", "is_readable"),
    "read": ("is_attempted", "is_accepted", "is_sent", "is_delivered", "is_readable", "is_read"),
    "clicked": (
        "is_attempted",
        "is_accepted",
        "is_sent",
        "is_delivered",
        "is_readable",
        "is_read",
        "is_clicked",
    ),
}
COUNTED = {
    "attempted_messages": "is_attempted",
    "delivered_messages": "is_delivered",
    "read_messages": "is_read",
    "failed_messages": "is_failed",
    "clicked_messages": "is_clicked",
}


@pytest.fixture(scope="module")
def built(new_sql):
    """Build a cube over rows (workspace, contact, country, outcome); every workspace stands alone."""
    sql = new_sql()
    flags = ", ".join(f"{flag} boolean" for flag in FLAGS)
    sql.connection.execute(
        "create table slice_month_messages (month date, workspace_id varchar, unit_token varchar, "
        f"record_key integer, country varchar, {flags})"
    )
    sql.connection.execute(
        "create table slice_month_leaves (month date, workspace_id varchar, workspace_key varchar)"
    )

    def build(rows, *, cube=TOTALS, salt="", **variables):
        sql.connection.execute("delete from slice_month_messages")
        sql.connection.execute("delete from slice_month_leaves")
        sql.load(
            "slice_month_messages",
            [
                {
                    "month": MONTH,
                    "workspace_id": workspace,
                    "unit_token": contact and f"{workspace}-{contact}",
                    "record_key": key_of(workspace, contact, salt) if contact else None,
                    "country": country,
                    **{flag: flag in OUTCOMES[outcome] for flag in FLAGS},
                }
                for workspace, contact, country, outcome in rows
            ],
        )
        workspaces = sorted({workspace for workspace, *_ in rows})
        sql.load(
            "slice_month_leaves",
            [{"month": MONTH, "workspace_id": w, "workspace_key": w} for w in workspaces],
        )
        found = sql.rows(sql.render(cube_sql(cube), **variables))
        return {(row["level"], row["workspace_key"], row.get("country", "all")): row for row in found}

    yield build
    sql.connection.close()


def key_of(workspace, contact, salt=""):
    return random.Random(f"{workspace} {contact} {salt}").randrange(RECORD_KEYS)


def sent(workspace, contacts, *, country="DE", outcome="unread", times=1):
    return [(workspace, str(n), country, outcome) for n in range(contacts) for _ in range(times)]


@pytest.mark.parametrize(("people", "below", "above"), [(1, 0, 7), (6, 0, 7), (12, 7, 14), (303, 301, 308)])
def test_a_count_is_one_of_the_two_multiples_around_it_and_right_on_average(built, people, below, above):
    workspaces = [f"w{n}" for n in range(120)]
    rows = built([row for workspace in workspaces for row in sent(workspace, people)])
    shown = [rows["workspace", workspace, "all"]["audience_contacts"] for workspace in workspaces]

    assert set(shown) == {below, above}
    # Five standard errors of a mean of 120.
    assert abs(mean(shown) - people) < 5 * BASE / 2 / 120**0.5


def test_a_multiple_of_the_base_and_a_zero_stay_as_they_are(built):
    for salt in "abc":
        row = built(sent("w", 42), salt=salt)["workspace", "w", "all"]
        assert (row["audience_contacts"], row["read_messages"], row["failed_messages"]) == (42, 0, 0)


def test_whoever_is_counted_in_two_parts_counts_once_by_the_better_one(built):
    both = sent("w", 28, outcome="read") + sent("w", 28, outcome="skipped")
    row = built(both + sent("w", 56, outcome="skipped"))["workspace", "w", "all"]

    assert (row["reached_contacts"], row["audience_contacts"]) == (28, 56)


@pytest.mark.parametrize(("rank", "shows"), [(3, False), (1, True)])
def test_nobody_adds_more_to_a_sum_than_the_third_most_active(built, rank, shows):
    """Rank 1 is the twin: whoever gets 300 messages among people with one or two each is seen."""
    others = sent("w", 40, times=2)
    seen = [
        built(others + sent("x", 1, times=times), cube=TOTALS, bounding_rank=rank)["platform", "all", "all"][
            "attempted_messages"
        ]
        for times in (0, 300)
    ]
    assert (abs(seen[1] - seen[0]) > 2 * 2 * BASE) == shows


def test_where_people_have_several_messages_each_the_steps_are_as_many_times_as_wide(built):
    row = built(sent("w", 40, times=3))["workspace", "w", "all"]

    assert row["attempted_messages"] % (3 * BASE) == 0
    # One piece with messages and four without.
    assert row["attempted_messages_squares"] == (3 * BASE) ** 2 + 4 * BASE**2


def test_the_step_of_a_zero_does_not_say_whether_somebody_is_behind_it(built):
    """One contact with four messages that rounds to nothing looks like nobody: a step of 28 would show."""
    salt = next(
        salt
        for salt in map(str, range(100))
        if built(sent("w", 1, times=4), salt=salt)["workspace", "w", "all"]["delivered_messages"] == 0
    )
    somebody = built(sent("w", 1, times=4), salt=salt)["workspace", "w", "all"]
    nobody = built(sent("w", 1, outcome="skipped"), salt=salt)["workspace", "w", "all"]

    assert somebody["delivered_messages_squares"] == nobody["delivered_messages_squares"]


def test_amounts_of_one_person_may_be_larger_than_the_numbers_of_32_bits(built):
    """Four messages of 600 rupiah are 2,400 million millionths."""
    amounts = TOTALS.model_copy(
        update={"measures": (Measure(name="cost", sum="600000000", description="What each message cost."),)}
    )
    row = built(sent("w", 28, times=4), cube=amounts)["workspace", "w", "all"]

    assert row["cost"] == 28 * 4 * 600_000_000


@pytest.mark.parametrize(("is_personal", "step"), [(True, 7 * 64), (False, 7 * 37)])
def test_the_step_of_a_sum_is_not_what_somebody_paid(built, is_personal, step):
    """Without the mark it is: the published number and its squares would name the price."""
    paid = Measure(name="paid", sum="37", description="What each paid.", is_personal=is_personal)
    amounts = TOTALS.model_copy(update={"measures": (paid,)})

    row = built(sent("w", 30), cube=amounts)["workspace", "w", "all"]

    assert row["paid_squares"] == step**2
    assert row["paid"] % step == 0
    assert abs(row["paid"] - 30 * 37) < step


def test_a_closed_dimension_lists_every_value_and_an_open_one_the_rest(built):
    rows = [*sent("w", 40), *sent("w", 3, country="FR"), *sent("w", 30, country="IT")]

    assert {c for level, _, c in built(rows, cube=TRIALS) if level == "workspace"} == {"DE", "FR"}
    assert {c for level, _, c in built(rows, cube=OPEN) if level == "workspace"} == {"DE", "IT", "other"}


def test_a_value_stands_alone_only_if_it_has_enough_people(built):
    numbers = range(1, 40)
    rows = built(
        [row for n in numbers for row in sent(f"w{n}", 40) + sent(f"w{n}", n, country="FR")], cube=OPEN
    )
    for people in numbers:
        alone = ("workspace", f"w{people}", "FR") in rows
        assert not alone or people >= K
        assert alone or people < K + 2 * BASE - 1


def test_members_of_few_workspaces_are_not_shown_at_all(new_sql):
    sql = new_sql()
    text = (
        "cube: cube_uses_monthly\ndescription: Use.\nfacts: slice_month_usage\nlevels: [platform]\n"
        'measures:\n  - {name: members, units: "true", description: Members.}\n'
    )
    declared = cube_of(yaml.safe_load(text), "cube_uses_monthly")

    def shown(workspaces):
        sql.connection.execute(
            "create or replace table slice_month_usage as select date '2026-05-01' as month, "
            f"'w' || (n % {workspaces}) as workspace_id, 'm' || n as unit_token, n as record_key "
            "from range(77) numbers(n)"
        )
        return [row["members"] for row in sql.rows(cube_sql(declared))]

    assert [shown(4), shown(5)] == [[], [77]]
    sql.connection.close()


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["v", "w"]),
        st.one_of(st.none(), st.integers(1, 60).map(str)),
        st.sampled_from(["DE", "FR", None]),
        st.sampled_from(sorted(OUTCOMES)),
    ),
    min_size=1,
    max_size=150,
)
LAWS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@LAWS
@given(rows=ROWS, seed=st.integers(0, 9), cube=st.sampled_from([TOTALS, TRIALS, OPEN]))
def test_the_same_people_always_get_the_same_numbers(built, rows, seed, cube):
    shuffled = random.Random(seed).sample(rows, len(rows))

    assert built(rows, cube=cube) == built(shuffled, cube=cube)


@LAWS
@given(rows=ROWS)
def test_numbers_are_those_of_a_simulation_that_shares_no_code(built, rows):
    """The simulation rounds part by part in plain Python, in fractions, from the definition of the paper."""
    for (level, workspace, _), row in built(rows).items():
        counted = [r for r in rows if level == "platform" or r[0] == workspace]
        parts = {
            outcome: rounded_by_hand([r for r in counted if r[3] in outcome])
            for outcome in (
                ("rejected", "failed"),
                ("waiting", "on its way"),
                ("unread by SMS",),
                ("unread",),
                ("read", "clicked"),
            )
        }
        readable = parts[("unread",)] + parts[("read", "clicked")]
        delivered = readable + parts[("unread by SMS",)]
        assert row["attempted_messages"] == sum(parts.values())
        assert (row["delivered_messages"], row["readable_messages"]) == (delivered, readable)
        assert row["failed_messages"] == parts[("rejected", "failed")]
        clicked = rounded_by_hand([r for r in counted if r[3] == "clicked"])
        assert row["clicked_messages"] == min(clicked, row["attempted_messages"])


def rounded_by_hand(rows):
    adds = {}
    for workspace, contact, *_ in rows:
        if contact:
            adds[workspace, contact] = adds.get((workspace, contact), 0) + 1
    bound = max(1, min(sorted(adds.values())[-3:], default=1))
    number = sum(min(n, bound) for n in adds.values()) + sum(contact is None for _, contact, *_ in rows)
    step = BASE * bound
    place = sum(key_of(*person) for person in adds) % RECORD_KEYS / RECORD_KEYS if adds else 0.5
    over = number % step
    return number - over + (step if over / step > place else 0)


@LAWS
@given(rows=ROWS, cube=st.sampled_from([TOTALS, TRIALS, OPEN]))
def test_no_number_is_exact_and_no_part_is_above_its_whole(built, rows, cube):
    for row in built(rows, cube=cube).values():
        assert all(row[name] % BASE == 0 for name in (*COUNTED, "audience_contacts"))
        assert row["read_messages"] <= row["delivered_messages"]
        assert row["delivered_messages"] + row["failed_messages"] <= row["attempted_messages"]
        assert row["clicked_messages"] <= row["attempted_messages"]
        assert row["reached_contacts"] <= row["audience_contacts"]
