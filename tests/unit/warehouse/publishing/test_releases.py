"""A released slice is known by its hash: whatever changes in it is found, and nothing else is."""

from datetime import date

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warehouse.errors import ChangedAfterReleaseError
from warehouse.publishing.releases import (
    changed_after_release,
    expect_change,
    release,
    release_changed,
    released,
    rows_in,
    slices_in,
    unreleased,
)

DAY, NEXT = date(2026, 5, 10), date(2026, 5, 11)
CUBE = "cube_campaign_daily"


@pytest.fixture
def connection():
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as warehouse")
        connection.execute("create schema warehouse.cubes")
        connection.execute(
            f"create table warehouse.cubes.{CUBE} (send_date date, campaign_key varchar, "
            "read_messages bigint, message_type varchar)"
        )
        yield connection


def fill(connection, rows):
    connection.execute(f"delete from warehouse.cubes.{CUBE}")
    for row in rows:
        connection.execute(f"insert into warehouse.cubes.{CUBE} values (?, ?, ?, ?)", row)
    return slices_in(connection, rows_in(connection))


def test_order_of_rows_does_not_matter_and_days_stand_alone(connection):
    rows = [(DAY, "a", 20, None), (DAY, "b", None, "text"), (NEXT, "a", 30, None)]
    first = fill(connection, rows)
    assert [(s.period, s.rows) for s in first] == [(DAY, 2), (NEXT, 1)]
    assert fill(connection, rows[::-1]) == first
    (day, following) = fill(connection, [*rows[:2], (NEXT, "a", 31, None)])
    assert day == first[0]
    assert following.digest != first[1].digest


cells = st.one_of(st.none(), st.text(alphabet="ab-,:1", max_size=4))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(cells, cells), min_size=2, max_size=2))
def test_two_rows_have_one_hash_only_if_they_are_equal(connection, rows):
    (one,) = fill(connection, [(DAY, rows[0][0], 1, rows[0][1])])
    (other,) = fill(connection, [(DAY, rows[1][0], 1, rows[1][1])])
    assert (one.digest == other.digest) == (rows[0] == rows[1])


@pytest.mark.parametrize(
    ("case", "rows"),
    [
        ("a number changed", [(DAY, "a", 21, None)]),
        ("a number was taken out", [(DAY, "a", None, "text")]),
        ("a row came", [(DAY, "a", 20, None), (DAY, "b", 20, None)]),
        ("the slice is gone", []),
    ],
)
def test_a_released_slice_that_changed_is_found(connection, ledger, case, rows):
    release(ledger, fill(connection, [(DAY, "a", 20, None)]), why="closed")
    assert changed_after_release(ledger, connection) == []
    fill(connection, rows)
    assert changed_after_release(ledger, connection) == [(CUBE, DAY)]
    assert changed_after_release(ledger, connection, [(CUBE, NEXT)]) == []


def test_a_column_that_a_cube_gains_changes_no_slice_that_was_released(connection, ledger):
    release(ledger, fill(connection, [(DAY, "a", 20, None)]), why="closed")

    connection.execute(f"alter table warehouse.cubes.{CUBE} add column clicked_messages bigint")
    assert changed_after_release(ledger, connection) == []

    connection.execute(f"update warehouse.cubes.{CUBE} set clicked_messages = 20")
    assert changed_after_release(ledger, connection) == [(CUBE, DAY)]


@pytest.mark.parametrize("rows", [[], [(DAY, "a", 20, None), (DAY, "b", 20, None)]])
def test_whether_a_released_slice_has_its_rows_is_asked_of_all_each_time(connection, ledger, rows):
    release(ledger, fill(connection, [(DAY, "a", 20, None)]), why="closed")
    fill(connection, rows)
    with pytest.raises(ChangedAfterReleaseError, match=f"{CUBE}.*2026-05-10"):
        unreleased(ledger, rows_in(connection))


def test_a_slice_that_was_never_released_is_told(connection, ledger):
    release(ledger, fill(connection, [(DAY, "a", 20, None)]), why="closed")
    fill(connection, [(DAY, "a", 20, None), (NEXT, "a", 30, None)])
    assert unreleased(ledger, rows_in(connection)) == [(CUBE, NEXT)]


def test_the_end_of_an_account_may_change_what_it_said_it_would_and_nothing_else(connection, ledger):
    release(ledger, fill(connection, [(DAY, "a", 20, None), (NEXT, "a", 30, None)]), why="closed")
    expect_change(ledger, [(CUBE, DAY)])
    fill(connection, [(NEXT, "a", 30, None)])
    release_changed(ledger, connection, why="ended")
    assert changed_after_release(ledger, connection) == []
    assert released(ledger)[CUBE, DAY].rows == 0

    fill(connection, [])
    release_changed(ledger, connection, why="ended")
    assert changed_after_release(ledger, connection) == [(CUBE, NEXT)]
