"""Attacks on small cubes: on what the build makes they find nothing, on a weakened one what was hidden."""

from contextlib import closing
from datetime import date

import duckdb
import pytest
import yaml

from pipelines.declarations.cube import cube_of
from pipelines.disclosure.attacks.rounding import attack_rounding
from pipelines.disclosure.attacks.subtraction import attack_by_subtraction
from pipelines.disclosure.attacks.suite import coarsen_slices

MONTH = date(2026, 5, 1)
CUBE = cube_of(
    yaml.safe_load("""
cube: cube_trials_monthly
description: Messages by reason of failure.
facts: slice_month_messages
levels: [workspace]
dimension: {name: reason, sql: reason, description: Why., values: [busy, gone, lost]}
measures:
  - {name: messages, rows: "true", description: Messages.}
"""),
    "cube_trials_monthly",
)
WHOLE = CUBE.model_copy(update={"cube": "cube_wholes_monthly", "dimension": None})
CUBES = {cube.cube: cube for cube in (CUBE, WHOLE)}
PERIODS = {cube: [MONTH] for cube in CUBES}
SQUARES = 49


@pytest.fixture
def cells():
    """A workspace's number of messages, and the same by reason: reason, number."""
    with closing(duckdb.connect()) as connection:
        connection.execute("attach ':memory:' as warehouse")
        connection.execute("create schema warehouse.cubes")
        own = "month date, level varchar, workspace_key varchar"
        number = "messages bigint, messages_squares bigint"
        connection.execute(f"create table warehouse.cubes.{CUBE.cube} ({own}, reason varchar, {number})")
        connection.execute(f"create table warehouse.cubes.{WHOLE.cube} ({own}, {number})")

        def fill(whole, **parts):
            for name, values in ((CUBE.cube, parts.items()), (WHOLE.cube, [(whole,)])):
                connection.execute(f"delete from warehouse.cubes.{name}")
                marks = "?, " * len(next(iter(values)))
                connection.executemany(
                    f"insert into warehouse.cubes.{name} values (?, 'workspace', 'a', {marks} ?)",
                    [(MONTH, *row, SQUARES) for row in values],
                )
            return connection

        yield fill


def subtracted(connection):
    return attack_by_subtraction(connection, CUBES, periods=PERIODS)


def problems(connection):
    return sorted({found.problem for found in attack_rounding(connection, CUBES, periods=PERIODS).findings})


def test_a_small_count_is_not_the_rounded_whole_minus_the_rounded_rest(cells):
    result = subtracted(cells(98, busy=63, gone=35, lost=7))

    assert (result.tried, result.findings) == (4, ())


def test_where_numbers_are_exact_it_is_and_the_attack_finds_it(cells):
    """The twin: only the smallest part is rounded, as if somebody had left the others as they were."""
    (finding,) = subtracted(cells(97, busy=61, gone=33, lost=7)).findings

    assert (finding.cube, finding.column, finding.problem) == (CUBE.cube, "messages", "recovered exactly")


@pytest.mark.parametrize(("whole", "parts", "finds"), [(7, [14, 7], False), (7, [14, 7, 7, 7, 7, 7], True)])
def test_parts_that_leave_each_other_no_room_give_themselves_away(whole, parts, finds):
    """14 is 8 at least and each 7 is 1 at least: six parts make 13, all that a 7 can be."""
    with closing(duckdb.connect()) as connection:
        connection.execute("attach ':memory:' as warehouse")
        connection.execute("create schema warehouse.cubes")
        connection.execute(
            f"create table warehouse.cubes.{WHOLE.cube} (month date, level varchar, workspace_key varchar, "
            "messages bigint, messages_squares bigint)"
        )
        rows = [("platform", "all", whole), *(("workspace", f"w{n}", part) for n, part in enumerate(parts))]
        connection.executemany(
            f"insert into warehouse.cubes.{WHOLE.cube} values (?, ?, ?, ?, ?)",
            [(MONTH, *row, SQUARES) for row in rows],
        )
        spine = WHOLE.model_copy(update={"levels": ("platform", "workspace")})

        result = attack_by_subtraction(connection, {WHOLE.cube: spine}, periods={WHOLE.cube: [MONTH]})

        assert bool(result.findings) == finds


def test_a_sound_cube_has_no_exact_number(cells):
    assert problems(cells(98, busy=63, gone=35, lost=0)) == []


@pytest.mark.parametrize(
    ("weakening", "parts", "problem"),
    [
        ("no rounding", {"busy": 63, "gone": 35, "lost": 3}, "a number is exact"),
        ("noise in its place", {"busy": 63, "gone": 35, "lost": -7}, "a number is negative"),
        ("zeros left out", {"busy": 63, "gone": 35}, "a node does not list every value"),
    ],
)
def test_each_weakening_of_a_cube_is_found(weakening, parts, problem, cells):
    assert problems(cells(98, **parts)) == [problem]


def test_what_gave_something_away_is_taken_back_until_nothing_does(cells):
    connection = cells(98, busy=63, gone=35, lost=3)

    coarsen_slices(connection, CUBES, attack_rounding(connection, CUBES, periods=PERIODS).findings)

    assert problems(connection) == []
    assert connection.execute(f"select distinct messages from warehouse.cubes.{CUBE.cube}").fetchall() == [
        (None,)
    ]
