"""Attacks on small cubes: on what the build makes they find nothing, on a weakened one what was hidden."""

from contextlib import closing
from datetime import date

import duckdb
import pytest

from pipelines.declarations.cube import parse_cube
from pipelines.disclosure.attacks.subtraction import attack_by_subtraction
from pipelines.disclosure.attacks.suite import coarsen_slices
from pipelines.disclosure.attacks.threshold import attack_thresholds

MONTH = date(2026, 5, 1)
CUBE = parse_cube(
    """
cube: cube_trials_monthly
description: Messages by reason of failure.
facts: slice_month_messages
levels: [workspace]
dimension: {name: reason, sql: reason, description: Why., values: [busy, gone, lost]}
measures:
  - {name: messages, rows: "true", description: Messages.}
""",
    name="cube_trials_monthly",
)
CUBES = {CUBE.cube: CUBE}
PERIODS = {CUBE.cube: [MONTH]}


@pytest.fixture
def cells():
    """A cube of one workspace: reason, number, flag."""
    with closing(duckdb.connect()) as connection:
        connection.execute("attach ':memory:' as warehouse")
        connection.execute("create schema warehouse.cubes")
        connection.execute(
            "create table warehouse.cubes.cube_trials_monthly (month date, level varchar, "
            "workspace_key varchar, reason varchar, messages bigint, messages_flag varchar)"
        )

        def fill(*rows):
            connection.execute("delete from warehouse.cubes.cube_trials_monthly")
            connection.executemany(
                "insert into warehouse.cubes.cube_trials_monthly values (?, 'workspace', 'a', ?, ?, ?)",
                [(MONTH, *row) for row in rows],
            )
            return connection

        yield fill


def subtracted(connection, *, largest_noise=6):
    return attack_by_subtraction(connection, CUBES, periods=PERIODS, largest_noise=largest_noise)


def thresholds(connection):
    result = attack_thresholds(connection, CUBES, periods=PERIODS)
    return sorted({finding.problem for finding in result.findings})


HIDDEN = [("all", 100, None), ("busy", 60, None), ("gone", 33, None), ("lost", None, "<k")]


def test_with_noise_a_hidden_count_is_not_the_total_minus_the_rest(cells):
    result = subtracted(cells(*HIDDEN))

    assert (result.tried, result.findings) == (1, ())


def test_without_noise_it_is_and_the_attack_finds_it(cells):
    (finding,) = subtracted(cells(*HIDDEN), largest_noise=0).findings

    assert (finding.cube, finding.column, finding.problem) == (CUBE.cube, "messages", "recovered exactly")


def test_two_hidden_counts_protect_each_other_even_without_noise(cells):
    both = [("all", 100, None), ("busy", 93, None), ("gone", None, "<k"), ("lost", None, "<k")]

    assert subtracted(cells(*both), largest_noise=0).findings == ()


def test_a_sound_cube_has_nothing_that_shows_below_the_threshold(cells):
    assert thresholds(cells(*HIDDEN)) == []


@pytest.mark.parametrize(
    ("weakening", "rows", "problem"),
    [
        ("no coding", [*HIDDEN[:3], ("lost", 7, None)], "a count below the threshold is shown"),
        ("zeros shown", [*HIDDEN[:3], ("lost", 0, None)], "a count below the threshold is shown"),
        ("zeros left out", HIDDEN[:3], "a node does not list every value"),
        ("number beside its code", [*HIDDEN[:3], ("lost", 12, "<k")], "a number and its code are both there"),
        ("a code of its own", [*HIDDEN[:3], ("lost", None, "<3")], "an unknown code"),
    ],
)
def test_each_weakening_of_a_cube_is_found(weakening, rows, problem, cells):
    assert [found for found in thresholds(cells(*rows)) if found.startswith(problem)]


def test_what_gave_something_away_is_taken_back_until_nothing_does(cells):
    connection = cells(*HIDDEN[:3], ("lost", 7, None))
    findings = attack_thresholds(connection, CUBES, periods=PERIODS).findings

    coarsen_slices(connection, CUBES, findings)

    assert thresholds(connection) == []
    assert connection.execute(
        "select distinct messages_flag from warehouse.cubes.cube_trials_monthly"
    ).fetchall() == [("<k",)]
