"""At the end of an account its rows in the cubes lose their workspace; every sum stays what it was."""

import subprocess
import sys
from contextlib import closing
from datetime import date
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.connection import connect
from warehouse.errors import CoarseningError
from warehouse.ledger import Ledger
from warehouse.retention import former
from warehouse.retention.former import coarsen, coarsen_tables
from warehouse.session import attach_database

ROOT = Path(__file__).parents[4]
ONE, TWO = date(2026, 5, 10), date(2026, 5, 11)
ENDED = [f"{n:016x}" for n in range(6)]
LIVING = "f" * 16

# Six workspaces end one by one. Four of them sent on the second day; on that day there is no `other`.
CELLS = [
    *((ONE, key, "a" * 16, 20 + n, 100 + n, "1.50", "EUR") for n, key in enumerate(ENDED)),
    *((TWO, key, "a" * 16, 30 + n, 200 + n, "2.00", "EUR") for n, key in enumerate(ENDED[:4])),
    (ONE, ENDED[0], "b" * 16, 11, 12, "0.25", "EUR"),
    (ONE, LIVING, "a" * 16, 50, 500, "9.00", "EUR"),
    (TWO, LIVING, "other", 50, 500, None, None),
    (ONE, "other", "other", 13, 14, "0.10", "EUR"),
]


def fill_cubes(connection, cells):
    for schema in ("cubes", "internal"):
        connection.execute(f"drop schema if exists warehouse.{schema} cascade")
    connection.execute("create schema warehouse.cubes")
    connection.execute(
        "create table warehouse.cubes.cube_cells (send_date date, workspace_key varchar, "
        "campaign_key varchar, audience_contacts bigint, attempted_messages bigint, "
        "cost_amount decimal(18, 6), cost_currency varchar)"
    )
    connection.executemany("insert into warehouse.cubes.cube_cells values (?, ?, ?, ?, ?, ?, ?)", cells)
    connection.execute(
        "create table warehouse.cubes.cube_spine as "
        "select send_date, workspace_key, campaign_key from warehouse.cubes.cube_cells"
    )


class Cubes:
    """A warehouse file with two cubes and a mart."""

    def __init__(self, home, keyring):
        self.home, self.keyring = home, keyring

    def fill(self, cells):
        with self.opened() as connection:
            fill_cubes(connection, cells)
            connection.execute("drop schema if exists warehouse.marts cascade")
            connection.execute("create schema warehouse.marts")
            connection.execute(
                "create table warehouse.marts.mart_cells as "
                "select *, 'Name of ' || workspace_key as workspace_name from warehouse.cubes.cube_cells"
            )
            connection.execute("create table warehouse.marts.mart_totals as select 1 as messages")

    def opened(self):
        connection = connect(tmp=self.home.tmp)
        attach_database(
            connection, self.home.warehouse_path, alias="warehouse", keyring=self.keyring, read_only=False
        )
        return closing(connection)

    def rows(self, sql):
        with self.opened() as connection:
            return connection.execute(sql).fetchall()

    def cells(self, where="true"):
        return [
            tuple(str(value) for value in row)
            for row in self.rows(f"from warehouse.cubes.cube_cells where {where} order by all")
        ]

    def everything(self):
        tables = self.rows(
            "select schema_name, table_name from duckdb_tables() "
            "where database_name = 'warehouse' order by all"
        )
        return {name: self.rows(f"from warehouse.{'.'.join(name)} order by all") for name in tables}

    def end(self, *keys):
        return coarsen(self.home, keyring=self.keyring, workspace_keys=keys)


ONE_CURRENCY = "count(distinct cost_currency) = 1 and count(cost_currency) = count(*)"
TOTALS = f"""
select send_date, sum(audience_contacts), sum(attempted_messages),
    case when {ONE_CURRENCY} then sum(cost_amount) end, case when {ONE_CURRENCY} then min(cost_currency) end
from warehouse.cubes.cube_cells group by send_date order by all
"""


@pytest.fixture
def cubes(home, keyring):
    cubes = Cubes(home, keyring)
    cubes.fill(CELLS)
    return cubes


def test_fewer_than_five_former_workspaces_are_part_of_the_others(cubes):
    result = cubes.end(ENDED[0])

    assert cubes.cells("workspace_key = 'other'") == [
        ("2026-05-10", "other", "other", "44", "126", "1.850000", "EUR"),
        # There was none on this day.
        ("2026-05-11", "other", "other", "30", "200", "2.000000", "EUR"),
    ]
    assert cubes.cells("workspace_key = 'former'") == []
    assert (result.cube_rows, result.mart_rows) == (6, 3)


def test_from_five_on_they_are_a_group_of_their_own_and_the_others_are_as_they_were(cubes):
    before = cubes.cells("workspace_key = 'other'")

    cubes.end(*ENDED[:4])
    four = cubes.cells("workspace_key = 'other' and send_date = '2026-05-10'")
    cubes.end(ENDED[4])
    five = cubes.cells("workspace_key in ('other', 'former') and send_date = '2026-05-10'")
    cubes.end(ENDED[5])
    six = cubes.cells("workspace_key in ('other', 'former') and send_date = '2026-05-10'")

    assert four == [("2026-05-10", "other", "other", "110", "432", "6.350000", "EUR")]
    assert five == [("2026-05-10", "former", "former", "121", "522", "7.750000", "EUR"), *before]
    assert six == [("2026-05-10", "former", "former", "146", "627", "9.250000", "EUR"), *before]
    # Four stand behind the second day, whatever happened on the first.
    assert [row[1] for row in cubes.cells("send_date = '2026-05-11'")] == [LIVING, "other"]


def test_a_lower_threshold_would_show_the_group_of_two(cubes, monkeypatch):
    monkeypatch.setattr(former, "MINIMUM_FORMER_WORKSPACES", 2)

    cubes.end(*ENDED[:2])

    assert cubes.cells("workspace_key = 'former'")


@pytest.mark.parametrize("count", [1, 4, 5, 6])
def test_every_total_stays_no_key_is_left_and_the_rest_is_untouched(count, cubes):
    keys = ENDED[:count]
    of_others = f"workspace_key not in {('other', 'former', *keys)}"
    totals, others = cubes.rows(TOTALS), cubes.cells(of_others)
    assert {table for table, rows in cubes.everything().items() if all(key in str(rows) for key in keys)} == {
        ("cubes", "cube_cells"),
        ("cubes", "cube_spine"),
        ("marts", "mart_cells"),
    }

    cubes.end(*keys)

    assert cubes.rows(TOTALS) == totals
    assert cubes.cells(of_others) == others
    assert not [table for table, rows in cubes.everything().items() if any(key in str(rows) for key in keys)]


@pytest.mark.parametrize("count", [1, 4, 5, 6])
def test_all_at_once_or_one_by_one_or_twice_is_the_same(count, cubes):
    cubes.end(*ENDED[:count])
    once = cubes.everything()

    again = cubes.end(*ENDED[:count])
    assert cubes.everything() == once
    assert (again.cube_rows, again.mart_rows) == (0, 0)

    cubes.fill(CELLS)
    for key in reversed(ENDED[:count]):
        cubes.end(key)
    assert cubes.everything() == once


def test_the_grouping_has_a_leaf_for_every_cell_and_no_other(cubes):
    for count in (1, 4, 5, 6):
        cubes.end(*ENDED[:count])

        leaves = cubes.rows("from warehouse.cubes.cube_spine order by all")
        assert leaves == cubes.rows(
            "select send_date, workspace_key, campaign_key from warehouse.cubes.cube_cells order by all"
        )
        assert len(leaves) == len(set(leaves))


def test_amounts_have_no_sum_where_currencies_differ_or_one_is_missing(cubes):
    cubes.fill(
        [
            (ONE, ENDED[0], "a", 20, 20, "1.00", "USD"),
            (ONE, "other", "other", 13, 14, "0.10", "EUR"),
            (TWO, ENDED[0], "a", 20, 20, None, None),
            (TWO, "other", "other", 13, 14, "0.10", "EUR"),
        ]
    )

    cubes.end(ENDED[0])

    assert [row[-2:] for row in cubes.cells()] == [("None", "None"), ("None", "None")]


def test_an_amount_that_vanished_among_the_others_is_there_again_when_they_part(cubes):
    cubes.fill(
        [
            *((ONE, key, "a", 20, 20, "1.00", "USD") for key in ENDED),
            (ONE, "other", "other", 13, 14, "0.10", "EUR"),
        ]
    )
    cubes.end(ENDED[0])
    assert [row[-2:] for row in cubes.cells("workspace_key = 'other'")] == [("None", "None")]

    cubes.end(*ENDED[1:])

    assert [row[1:] for row in cubes.cells()] == [
        ("former", "former", "120", "120", "6.000000", "USD"),
        ("other", "other", "13", "14", "0.100000", "EUR"),
    ]


def test_marts_lose_the_names_and_may_not_be_published_until_they_are_built(cubes):
    ledger = Ledger(cubes.home.ledger_path)
    cubes.end("0" * 15 + "9")
    assert ledger.unsound_marts() == frozenset()

    cubes.end(ENDED[0])

    names = {name for (name,) in cubes.rows("select workspace_name from warehouse.marts.mart_cells")}
    assert f"Name of {ENDED[0]}" not in names
    assert f"Name of {LIVING}" in names
    assert ledger.unsound_marts() == {"mart_cells", "mart_totals"}


@pytest.mark.parametrize(
    ("column", "named"),
    [
        ("campaign_name varchar", "campaign_name"),
        ("delivery_rate double", "delivery_rate"),
        ("fee_amount decimal(18, 6)", "fee_currency"),
    ],
)
def test_a_column_that_nothing_is_said_of_stops_it_before_anything_is_changed(column, named, cubes):
    with cubes.opened() as connection:
        connection.execute(f"alter table warehouse.cubes.cube_spine add column {column}")
    before = cubes.everything()

    with pytest.raises(CoarseningError, match=rf"cubes\.cube_spine: .* {named}"):
        cubes.end(ENDED[0])

    assert cubes.everything() == before


def test_an_error_in_the_middle_leaves_everything_as_it_was(cubes, monkeypatch):
    before = cubes.everything()
    coarsen_cube = former._coarsen_cube

    def failing(connection, cube, ended):
        if cube.name == "cube_spine":
            raise RuntimeError
        return coarsen_cube(connection, cube, ended)

    monkeypatch.setattr(former, "_coarsen_cube", failing)
    with pytest.raises(RuntimeError):
        cubes.end(ENDED[0])

    assert cubes.everything() == before


def test_killed_before_its_commit_it_has_changed_nothing_and_can_be_run_again(cubes):
    before = cubes.everything()
    script = f"""
import os
from pathlib import Path
from warehouse.home import Home
from warehouse.keyring import KeyRing
from warehouse.ledger import Ledger
from warehouse.retention.former import coarsen
Ledger.set_unsound_marts = lambda *_: os._exit(7)
home = Home(Path({str(cubes.home.root)!r}))
coarsen(home, keyring=KeyRing(home.keys), workspace_keys={ENDED!r})
"""
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 7

    assert cubes.everything() == before
    cubes.end(*ENDED)
    assert {row[1] for row in cubes.cells()} == {LIVING, "other", "former"}


def test_without_a_warehouse_there_is_nothing_to_do(home, keyring):
    assert coarsen(home, keyring=keyring, workspace_keys=ENDED).cube_rows == 0
    assert not home.warehouse_path.exists()


AMOUNTS = st.sampled_from([(None, None), ("1.25", "EUR"), ("0.75", "EUR"), ("3.00", "USD")])


@st.composite
def histories(draw):
    """Cells of a few days, and the order in which workspaces end, some together."""
    keys = [f"{n:016x}" for n in range(draw(st.integers(1, 8)))]
    leaves = {("other", "other"), *((key, campaign) for key in keys for campaign in ("a", "none", "other"))}
    cells = [
        (day, *leaf, draw(st.integers(11, 99)), draw(st.integers(0, 99)), *draw(AMOUNTS))
        for day in (ONE, TWO)
        for leaf in sorted(draw(st.sets(st.sampled_from(sorted(leaves)), min_size=1)))
    ]
    order = draw(st.permutations(keys))
    cuts = sorted(draw(st.sets(st.integers(1, len(keys)))))
    return cells, [order[a:b] for a, b in zip([0, *cuts], cuts, strict=False)]


@settings(max_examples=150, deadline=None)
@given(history=histories())
def test_whatever_ends_in_whatever_order_sums_stay_and_a_group_of_few_is_never_shown(history):
    cells, endings = history
    with closing(duckdb.connect()) as connection:
        connection.execute("attach ':memory:' as warehouse")
        fill_cubes(connection, cells)
        totals = connection.execute(TOTALS).fetchall()
        ended = set()

        for keys in endings:
            ended |= set(keys)
            coarsen_tables(connection, keys)

            assert connection.execute(TOTALS).fetchall() == totals
            shown = connection.execute("select send_date, workspace_key from warehouse.cubes.cube_cells")
            shown = set(shown.fetchall())
            behind = {day: {key for at, key, *_ in cells if at == day} & ended for day in (ONE, TWO)}
            assert not {key for _, key in shown} & ended
            assert {day for day, key in shown if key == "former"} == {
                d for d in behind if len(behind[d]) >= 5
            }
