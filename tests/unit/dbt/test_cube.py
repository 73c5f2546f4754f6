"""Laws of a cube: small counts do not show, the same people get the same noise, parts fit their whole."""

import random
from datetime import date

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.codegen.cubes import cube_sql
from pipelines.codegen.perturbation import LARGEST_NOISE, perturbation_table
from pipelines.declarations.cube import parse_cube
from pipelines.disclosure.surrogates import NOISE_KEYS, RECORD_KEYS

K = 11
MONTH = date(2026, 5, 1)
FAILURES = parse_cube(
    """
cube: cube_trials_monthly
description: Messages by reason of failure.
facts: slice_month_messages
levels: [platform, workspace]
dimension:
  name: reason
  sql: reason
  description: Why.
  values: [busy, gone]
measures:
  - {name: contacts, units: "true", description: Contacts.}
  - {name: messages, rows: "true", description: Messages.}
  - {name: failed_messages, rows: is_failed, parent: messages, description: Failed.}
""",
    name="cube_trials_monthly",
)
OPEN = FAILURES.model_copy(
    update={"dimension": FAILURES.dimension.model_copy(update={"values": (), "name": "reason"})}
)


@pytest.fixture(scope="module")
def built(new_sql):
    """Build a cube over rows (workspace, contact, reason, is_failed); every workspace stands alone."""
    sql = new_sql()
    sql.connection.execute(
        "create table slice_month_messages (month date, workspace_id varchar, unit_token varchar, "
        "record_key integer, reason varchar, is_failed boolean)"
    )
    sql.connection.execute(
        "create table slice_month_leaves (month date, workspace_id varchar, workspace_key varchar)"
    )

    def build(rows, *, cube=FAILURES, **variables):
        sql.connection.execute("delete from slice_month_messages")
        sql.connection.execute("delete from slice_month_leaves")
        sql.load(
            "slice_month_messages",
            [
                {
                    "month": MONTH,
                    "workspace_id": workspace,
                    "unit_token": contact and f"{workspace}-{contact}",
                    "record_key": key_of(workspace, contact) if contact else None,
                    "reason": reason,
                    "is_failed": is_failed,
                }
                for workspace, contact, reason, is_failed in rows
            ],
        )
        workspaces = sorted({workspace for workspace, *_ in rows})
        sql.load(
            "slice_month_leaves",
            [{"month": MONTH, "workspace_id": w, "workspace_key": w} for w in workspaces],
        )
        found = sql.rows(sql.render(cube_sql(cube), **variables))
        return {(row["level"], row["workspace_key"], row["reason"]): row for row in found}

    yield build
    sql.connection.close()


def key_of(workspace, contact):
    return random.Random(f"{workspace} {contact}").randrange(RECORD_KEYS)


def sent(workspace, contacts, *, reason="busy", failed=0, times=1):
    return [(workspace, str(n), reason, n < failed) for n in range(contacts) for _ in range(times)]


def test_a_count_below_the_threshold_looks_like_none_at_all(built):
    one = built(sent("w", 40, failed=1))["workspace", "w", "all"]
    none = built(sent("w", 40))["workspace", "w", "all"]

    assert one["failed_messages"] is none["failed_messages"] is None
    assert one["failed_messages_flag"] == none["failed_messages_flag"] == "<k"


def test_a_value_that_nobody_has_is_listed_like_one_of_few(built):
    rows = built(sent("w", 40))

    assert rows["workspace", "w", "gone"]["contacts_flag"] == "<k"
    assert set(rows) == {
        (level, key, r)
        for level, key in (("platform", "all"), ("workspace", "w"))
        for r in ("all", "busy", "gone")
    }


def test_nearly_all_of_a_whole_is_coded_like_all_of_it(built):
    for failed in (300, 299, 297):
        row = built(sent("w", 300, failed=failed))["workspace", "w", "all"]
        assert (row["failed_messages"], row["failed_messages_flag"]) == (None, ">n-k")
    assert built(sent("w", 300, failed=150))["workspace", "w", "all"]["failed_messages_flag"] is None


def test_a_whole_of_which_many_have_a_part_left_is_shown(built):
    some_of_both = [
        row for n in range(300) for row in (("w", str(n), "busy", True), ("w", str(n), "busy", False))
    ]
    row = built(some_of_both)["workspace", "w", "all"]

    assert row["failed_messages_flag"] is None
    assert abs(row["failed_messages"] - 300) <= LARGEST_NOISE


def test_noise_leaves_no_gaps_in_which_somebody_who_adds_one_would_show(built):
    """Where somebody adds 2, noise of even numbers alone would give the parity of the others away."""
    seen = {
        built([*sent("w", n, times=1), *sent("w", 1, times=1)])["workspace", "w", "all"]["messages"] - n
        for n in range(100, 160)
    }
    assert {number % 2 for number in seen} == {0, 1}


@pytest.mark.parametrize(("rank", "shows"), [(3, False), (1, True)])
def test_nobody_adds_more_to_a_sum_than_the_third_most_active(built, rank, shows):
    """Rank 1 is the twin: whoever gets 300 messages among people with one or two each is seen."""
    others = [*sent("w", 40), *sent("w", 2)]
    seen = [
        built(others + sent("w", 1, times=times), bounding_rank=rank)["workspace", "w", "all"]["messages"]
        for times in (0, 300)
    ]
    assert (abs(seen[1] - seen[0]) > 3 * 2 * LARGEST_NOISE) == shows


def test_however_many_messages_are_left_those_of_few_people_do_not_show(built):
    few_have_more = sent("w", 300, failed=300) + [("w", str(n), "busy", False) for n in range(3)] * 40
    row = built(few_have_more)["workspace", "w", "all"]

    assert (row["failed_messages"], row["failed_messages_flag"]) == (None, ">n-k")


def test_a_value_that_nearly_all_have_is_coded(built):
    rows = built([*sent("w", 300), ("w", "x", "gone", False)])

    assert rows["workspace", "w", "busy"]["contacts_flag"] == ">n-k"
    assert rows["workspace", "w", "all"]["contacts_flag"] is None


def test_open_values_of_few_are_the_rest_and_the_rest_is_always_there(built):
    some = built(sent("w", 40, reason="a") + sent("w", 3, reason="b") + sent("w", 30, reason="c"), cube=OPEN)
    none = built(sent("w", 40, reason="a") + sent("w", 30, reason="c"), cube=OPEN)

    for rows in (some, none):
        assert {r for level, _, r in rows if level == "workspace"} == {"all", "a", "c", "other"}
        assert rows["workspace", "w", "other"]["contacts_flag"] == "<k"


def test_one_contact_of_a_value_of_its_own_leaves_the_others_value_as_it_was(built):
    """`other` used to take it in until it was safe: who was the only one abroad moved everybody."""
    for abroad in (0, 1):
        rows = built(sent("w", 80, reason="here") + sent("w", abroad, reason="abroad"), cube=OPEN)
        assert rows["workspace", "w", "here"]["contacts_flag"] == ">n-k"
        assert rows["workspace", "w", "other"]["contacts_flag"] == "<k"


def test_the_platforms_month_is_exact_where_five_workspaces_share_it_and_none_has_most(built):
    shared = [row for name in "abcde" for row in sent(name, 30)]
    dominated = shared + sent("f", 400)

    assert built(shared)["platform", "all", "all"]["messages"] == 150
    totals = {
        built(dominated + sent("a", n))["platform", "all", "all"]["messages"] - n for n in range(31, 40)
    }
    assert totals != {550}


def test_members_of_few_workspaces_are_not_shown_at_all(built, new_sql):
    sql = new_sql()
    declared = parse_cube(
        "cube: cube_uses_monthly\ndescription: Use.\nfacts: slice_month_usage\nlevels: [platform]\n"
        'measures:\n  - {name: members, units: "true", description: Members.}\n',
        name="cube_uses_monthly",
    )

    def flag(workspaces):
        sql.connection.execute(
            "create or replace table slice_month_usage as select date '2026-05-01' as month, "
            f"'w' || (n % {workspaces}) as workspace_id, 'm' || n as unit_token, n as record_key "
            "from range(80) numbers(n)"
        )
        (row,) = sql.rows(cube_sql(declared))
        return row["members_flag"]

    assert [flag(4), flag(5)] == ["<k", None]
    sql.connection.close()


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["v", "w"]),
        st.one_of(st.none(), st.integers(1, 60).map(str)),
        st.sampled_from(["busy", "gone", None]),
        st.booleans(),
    ),
    min_size=1,
    max_size=150,
)
LAWS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@LAWS
@given(rows=ROWS, seed=st.integers(0, 9))
def test_the_same_people_always_get_the_same_noise(built, rows, seed):
    shuffled = random.Random(seed).sample(rows, len(rows))

    assert built(rows) == built(shuffled)


@LAWS
@given(rows=ROWS)
def test_what_is_published_is_near_the_truth_at_least_k_and_fits_together(built, rows):
    for (level, workspace, reason), row in built(rows).items():
        counted = [
            r for r in rows if (level == "platform" or r[0] == workspace) and (reason in ("all", r[2]))
        ]
        people = {(r[0], r[1]) for r in counted if r[1]}
        for name, of in (
            ("contacts", people),
            ("messages", counted),
            ("failed_messages", [r for r in counted if r[3]]),
        ):
            number, flag = row[name], row[f"{name}_flag"]
            assert (number is None) == (flag is not None)
            if number is not None:
                assert number >= K
                adds = sorted((1 if name == "contacts" else sum(r[:2] == p for r in of)) for p in people)
                bound = adds[-3:][0]
                most = LARGEST_NOISE if bound <= 1 else bound * (LARGEST_NOISE + 0.5)
                assert abs(number - len(of) + sum(a - bound for a in adds if a > bound)) <= most + 0.5
        if None not in (row["messages"], row["failed_messages"]):
            assert row["failed_messages"] <= row["messages"]
        if None not in (row["messages"], row["contacts"]):
            assert row["contacts"] <= row["messages"]


def test_counts_equal_those_of_the_uk_statistics_office_package(built):
    """Same people, record keys and table as the package `cell-key-perturbation` of the ONS: same counts."""
    package = pytest.importorskip("cell_key_perturbation.create_perturbed_table")
    people = [
        (w, str(n), r, False)
        for w in "vw"
        for n in range(400)
        for r in ("busy", "gone")
        if n % 3 or r == "busy"
    ]
    table = pl.DataFrame(
        [
            (pcv, key, noise)
            for count, key, noise in perturbation_table()
            for pcv in ([count] if count < 6 else range(6, 751))
        ],
        schema=["pcv", "ckey", "pvalue"],
        orient="row",
    )
    data = pl.DataFrame(
        [(w, r, key_of(w, c) % NOISE_KEYS) for w, c, r, _ in people],
        schema=["workspace", "reason", "record_key"],
        orient="row",
    )

    theirs = package.create_perturbed_table(
        data.to_pandas(), table.to_pandas(), ["workspace"], ["reason"], "record_key", threshold=K
    )

    ours = built(people)
    for workspace, reason, count in theirs[["workspace", "reason", "count"]].itertuples(index=False):
        row = ours["workspace", workspace, reason]
        assert row["contacts"] == count or row["contacts_flag"] == ">n-k"
