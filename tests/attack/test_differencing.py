"""A day out of sums over many: with noise it stays hidden, exact or sliding sums give it back."""

from contextlib import closing
from datetime import date, timedelta

import duckdb
import pytest

from pipelines.declarations.cube import parse_cube
from pipelines.disclosure.attacks.differencing import attack_by_differencing
from pipelines.disclosure.attacks.subtraction import System, recovered

MONTH = date(2026, 5, 1)
MEASURE = "  - {name: messages, rows: 'true', description: Messages.}\n"
DAILY = parse_cube(
    "cube: cube_trials_daily\ndescription: D.\nfacts: slice_messages\nlevels: [platform, workspace]\n"
    f"measures:\n{MEASURE}",
    name="cube_trials_daily",
)
MONTHLY = parse_cube(
    "cube: cube_trials_monthly\ndescription: M.\nfacts: slice_month_messages\nlevels: [platform, workspace]\n"
    f"measures:\n{MEASURE}",
    name="cube_trials_monthly",
)
CUBES = {DAILY.cube: DAILY, MONTHLY.cube: MONTHLY}


@pytest.fixture
def attacked():
    with closing(duckdb.connect()) as connection:
        connection.execute("attach ':memory:' as warehouse")
        connection.execute("create schema warehouse.cubes")
        for cube, period in ((DAILY.cube, "send_date"), (MONTHLY.cube, "month")):
            connection.execute(
                f"create table warehouse.cubes.{cube} ({period} date, level varchar, workspace_key varchar, "
                "messages bigint, messages_flag varchar)"
            )

        def attack(month, days, *, largest_noise):
            connection.execute(
                f"insert into warehouse.cubes.{MONTHLY.cube} values (?, 'workspace', 'a', ?, null)",
                [MONTH, month],
            )
            for n, messages in enumerate(days):
                connection.execute(
                    f"insert into warehouse.cubes.{DAILY.cube} values (?, 'workspace', 'a', ?, ?)",
                    [MONTH + timedelta(days=n), messages, None if messages else "<k"],
                )
            return attack_by_differencing(
                connection,
                CUBES,
                periods={MONTHLY.cube: [MONTH]},
                largest_noise=largest_noise,
            )

        yield attack


DAYS = [40, 30, None, 50]


def test_with_noise_a_hidden_day_is_not_the_month_minus_the_others(attacked):
    result = attacked(127, DAYS, largest_noise=6)
    assert (result.tried, result.findings) == (1, ())


def test_without_noise_it_is_and_the_attack_finds_it(attacked):
    (finding,) = attacked(127, DAYS, largest_noise=0).findings
    assert (finding.cube, finding.period) == (DAILY.cube, MONTH + timedelta(days=2))


def test_a_day_that_is_not_there_protects_the_others(attacked):
    """Of a month the workspace is named on fewer days than others: what is left may be any of them."""
    assert attacked(127, [40, None], largest_noise=0).findings == ()


@pytest.mark.parametrize(("noise", "hidden"), [(0, 7), (6, None)])
def test_sliding_sums_give_a_hidden_day_back_unless_they_have_noise(noise, hidden):
    """Why no mart has sliding windows: two that overlap differ by two days."""
    days = [20, 31, 25, 7, 40, 22, 28, 33, 26, 24, 21]
    system = System()
    for n, messages in enumerate(days):
        cell = ("day", str(n))
        known = (0, 10 + noise) if messages < 11 else (messages - noise, messages + noise)
        system.know(cell, *known)
        if messages < 11:
            system.hidden[cell] = "day"
    for first in range(len(days) - 6):
        window = ("window", str(first))
        total = sum(days[first : first + 7])
        system.know(window, total - noise, total + noise)
        system.sums.append((window, tuple(("day", str(n)) for n in range(first, first + 7))))

    assert recovered(system) == ([("day", 1)] if hidden else [])
