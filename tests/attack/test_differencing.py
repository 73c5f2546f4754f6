"""Two numbers about the same people: rounded they tell nothing of the few between them, exact they do."""

from contextlib import closing
from datetime import date, timedelta

import duckdb
import pytest
import yaml

from pipelines.declarations.cube import cube_of
from pipelines.disclosure.attacks.differencing import attack_by_differencing

MONTH = date(2026, 5, 1)
MEASURES = """measures:
  - {name: contacts, units: "true", description: Contacts.}
  - {name: messages, rows: "true", description: Messages.}
"""


def declared(name, facts, levels, more=""):
    text = f"cube: {name}\ndescription: T.\nfacts: {facts}\nlevels: {levels}\n{more}{MEASURES}"
    return cube_of(yaml.safe_load(text), name)


COUNTRY = "dimension: {name: country, sql: country, description: Where.}\n"
DAILY = declared("cube_days_daily", "slice_messages", "[platform, workspace]")
MONTHLY = declared("cube_months_monthly", "slice_month_messages", "[platform, workspace]")
OTHER = declared("cube_others_monthly", "slice_month_inbound", "[platform, workspace]")
BY_COUNTRY = declared("cube_countries_monthly", "slice_month_messages", "[workspace]", COUNTRY)
CUBES = {cube.cube: cube for cube in (DAILY, MONTHLY, OTHER, BY_COUNTRY)}


@pytest.fixture
def attack():
    """Attack rows (cube, period, level, workspace, country or nothing, contacts, messages)."""
    with closing(duckdb.connect()) as connection:
        connection.execute("attach ':memory:' as warehouse")
        connection.execute("create schema warehouse.cubes")
        for cube in CUBES.values():
            keys = ", ".join(f"{key} {'date' if n == 0 else 'varchar'}" for n, key in enumerate(cube.keys))
            connection.execute(
                f"create table warehouse.cubes.{cube.cube} ({keys}, contacts bigint, messages bigint)"
            )

        def attacked(*rows):
            for cube in CUBES:
                connection.execute(f"delete from warehouse.cubes.{cube}")
            for cube, *values in rows:
                marks = ", ".join("?" for _ in values)
                connection.execute(f"insert into warehouse.cubes.{cube.cube} values ({marks})", values)
            periods = {cube.cube: [values[0]] for cube, *values in rows if cube is not DAILY}
            return attack_by_differencing(connection, CUBES, periods=periods)

        yield attacked


PLATFORM, WORKSPACE = ("platform", "all"), ("workspace", "a")


@pytest.mark.parametrize(
    ("case", "rows"),
    [
        ("two measures: 8 contacts were never reached", [(MONTHLY, MONTH, *PLATFORM, 3204, 3212)]),
        (
            "two tables: the same replies but for 3 of 3 people",
            [(MONTHLY, MONTH, *PLATFORM, 70, 1203), (OTHER, MONTH, *PLATFORM, 70, 1206)],
        ),
        (
            "a node and its values",
            [
                (MONTHLY, MONTH, *WORKSPACE, 70, 104),
                (BY_COUNTRY, MONTH, *WORKSPACE, "DE", 70, 60),
                (BY_COUNTRY, MONTH, *WORKSPACE, "FR", 70, 41),
            ],
        ),
        (
            "a level and the one below",
            [(MONTHLY, MONTH, *PLATFORM, 700, 104), (MONTHLY, MONTH, *WORKSPACE, 70, 101)],
        ),
        (
            "a month and its days",
            [
                (MONTHLY, MONTH, *WORKSPACE, 70, 104),
                (DAILY, MONTH, *WORKSPACE, 70, 60),
                (DAILY, MONTH + timedelta(days=4), *WORKSPACE, 70, 41),
            ],
        ),
    ],
)
def test_a_small_difference_of_exact_numbers_is_found_and_of_rounded_ones_there_is_none(attack, case, rows):
    rounded = [
        (*head, contacts - contacts % 7, messages - messages % 7) for *head, contacts, messages in rows
    ]

    assert not attack(*rounded).findings
    assert {found.problem for found in attack(*rows).findings} == {"a small difference of exact numbers"}, (
        case
    )
