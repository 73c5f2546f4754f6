"""At the end of an account its rows leave the cubes; sums of several stay, everybody else's rows do too."""

import subprocess
import sys
from contextlib import closing
from datetime import date
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.errors import CoarseningError
from warehouse.ledger.ledger import Ledger
from warehouse.publishing import releases, revisions
from warehouse.publishing.releases import changed_after_release, released, rows_in, slices_in
from warehouse.retention import account_end as former
from warehouse.retention.account_end import coarsen, coarsen_tables
from warehouse.store.session import open_warehouse_file

ROOT = Path(__file__).parents[4]
ONE, TWO = date(2026, 5, 10), date(2026, 5, 11)
ENDED = [f"{n:016x}" for n in range(6)]
LIVING = "f" * 16

COLUMNS = (
    "send_date",
    "level",
    "workspace_key",
    "campaign_key",
    "error_class",
    "contacts",
    "contacts_squares",
)

# Six workspaces end one by one. Four of them sent on the second day.
CELLS = [
    *((ONE, "workspace", key, "all", "all", 20 + n, 49) for n, key in enumerate(ENDED)),
    *((TWO, "workspace", key, "all", "all", 30 + n, 49) for n, key in enumerate(ENDED[:4])),
    *((ONE, "workspace", key, "all", "request", 0, 49) for key in ENDED[:5]),
    (ONE, "campaign", ENDED[0], "a" * 16, "all", 14, 49),
    (ONE, "workspace", LIVING, "all", "all", 50, 49),
    (ONE, "campaign", LIVING, "b" * 16, "all", 7, 49),
    (TWO, "workspace", LIVING, "all", "all", 51, 49),
    (ONE, "workspace", "other", "all", "all", 13, 49),
    (ONE, "platform", "all", "all", "all", 200, 49),
    (TWO, "platform", "all", "all", "all", 180, 49),
]


def fill_cubes(connection, cells):
    for schema in ("cubes", "internal"):
        connection.execute(f"drop schema if exists warehouse.{schema} cascade")
    connection.execute("create schema warehouse.cubes")
    types = ("date", "varchar", "varchar", "varchar", "varchar", "bigint", "double")
    columns = ", ".join(f"{name} {type_}" for name, type_ in zip(COLUMNS, types, strict=True))
    connection.execute(f"create table warehouse.cubes.cube_cells_daily ({columns})")
    connection.executemany("insert into warehouse.cubes.cube_cells_daily values (?, ?, ?, ?, ?, ?, ?)", cells)
    connection.execute("create table warehouse.cubes.cube_features_monthly (month date, level varchar)")


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
                "create table warehouse.marts.mart_cells as select *, "
                "'Name of ' || workspace_key as workspace_name from warehouse.cubes.cube_cells_daily"
            )
            connection.execute("create table warehouse.marts.mart_totals as select 1 as messages")

    def opened(self):
        return open_warehouse_file(self.home, keyring=self.keyring, read_only=False)

    def rows(self, sql):
        with self.opened() as connection:
            return connection.execute(sql).fetchall()

    def cells(self, where="true"):
        return self.rows(f"from warehouse.cubes.cube_cells_daily where {where} order by all")

    def everything(self):
        tables = self.rows(
            "select schema_name, table_name from duckdb_tables() "
            "where database_name = 'warehouse' order by all"
        )
        return {name: self.rows(f"from warehouse.{'.'.join(name)} order by all") for name in tables}

    def end(self, *keys, fewest_shown=5):
        return coarsen(self.home, keyring=self.keyring, workspace_keys=keys, fewest_shown=fewest_shown)


@pytest.fixture
def cubes(home, keyring):
    cubes = Cubes(home, keyring)
    cubes.fill(CELLS)
    return cubes


def test_fewer_than_five_former_workspaces_are_not_shown(cubes):
    result = cubes.end(*ENDED[:4])

    assert cubes.cells("workspace_key = 'former'") == []
    assert result.cube_rows == 13
    assert result.slices == (("cube_cells_daily", ONE), ("cube_cells_daily", TWO))


def test_from_five_on_their_totals_are_summed_and_so_are_the_squares_of_their_rounding(cubes):
    cubes.end(*ENDED[:5])

    assert cubes.cells("workspace_key = 'former'") == [
        (ONE, "workspace", "former", "all", "all", 20 + 21 + 22 + 23 + 24, 5 * 49),
        (ONE, "workspace", "former", "all", "request", 0, 5 * 49),
    ]


def test_a_lower_threshold_would_show_the_group_of_two(cubes):
    cubes.end(*ENDED[:2], fewest_shown=2)

    assert (ONE, "workspace", "former", "all", "all", 41, 2 * 49) in cubes.cells()


def test_rows_of_the_platform_of_others_and_of_the_living_are_what_they_were(cubes):
    before = cubes.cells(f"workspace_key not in {tuple(ENDED)}")

    cubes.end(*ENDED)

    assert cubes.cells("workspace_key <> 'former'") == before
    assert not [row for row in cubes.cells() if row[2] in ENDED]


@pytest.mark.parametrize("count", range(1, 7))
def test_all_at_once_or_one_by_one_or_twice_is_the_same(count, cubes):
    cubes.end(*ENDED[:count])
    at_once = cubes.cells()

    cubes.fill(CELLS)
    for key in ENDED[:count]:
        cubes.end(key)
    assert cubes.cells() == at_once
    assert cubes.end(*ENDED[:count]).cube_rows == 0
    assert cubes.cells() == at_once


def test_released_slices_that_lose_a_workspace_are_expected_to_change_and_no_others(cubes):
    ledger = Ledger(cubes.home.ledger_path)
    with cubes.opened() as connection:
        releases.release(ledger, slices_in(connection, rows_in(connection)), why="closed")

    cubes.end(ENDED[5])

    with cubes.opened() as connection:
        assert ("cube_cells_daily", ONE) in changed_after_release(ledger, connection)
        releases.release_changed(ledger, connection, why="an account ended")
        assert changed_after_release(ledger, connection) == []
        assert set(released(ledger)) == {("cube_cells_daily", ONE), ("cube_cells_daily", TWO)}


def test_earlier_revisions_of_slices_lose_them_too(cubes):
    ledger = Ledger(cubes.home.ledger_path)
    with cubes.opened() as connection:
        releases.release(ledger, slices_in(connection, rows_in(connection)), why="closed")
        revisions.keep(ledger, connection, [("cube_cells_daily", ONE)])

    cubes.end(*ENDED)

    kept = cubes.rows("select distinct workspace_key from warehouse.revisions.cube_cells_daily order by all")
    assert kept == [("all",), (LIVING,), ("other",)]


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
        ("messages bigint", "messages_squares"),
    ],
)
def test_a_column_that_nothing_is_said_of_stops_it_before_anything_is_changed(column, named, cubes):
    with cubes.opened() as connection:
        connection.execute(f"alter table warehouse.cubes.cube_cells_daily add column {column}")
    before = cubes.everything()

    with pytest.raises(CoarseningError, match=rf"cubes\.cube_cells_daily: .* {named}"):
        cubes.end(ENDED[0])

    assert cubes.everything() == before


def test_an_error_in_the_middle_leaves_everything_as_it_was(cubes, monkeypatch):
    before = cubes.everything()
    coarsen_cube = former._coarsen_cube

    def failing(*arguments, **more):
        coarsen_cube(*arguments, **more)
        raise RuntimeError

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
from warehouse.keys.keyring import KeyRing
from warehouse.ledger.ledger import Ledger
from warehouse.retention.account_end import coarsen
Ledger.set_unsound_marts = lambda *_: os._exit(7)
home = Home(Path({str(cubes.home.root)!r}))
coarsen(home, keyring=KeyRing(home.keys), workspace_keys={ENDED!r}, fewest_shown=5)
"""
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 7

    assert cubes.everything() == before
    cubes.end(*ENDED)
    assert {row[2] for row in cubes.cells()} == {LIVING, "other", "former", "all"}


def test_without_a_warehouse_there_is_nothing_to_do(home, keyring):
    assert coarsen(home, keyring=keyring, workspace_keys=ENDED, fewest_shown=5).cube_rows == 0
    assert not home.warehouse_path.exists()


@st.composite
def histories(draw):
    """Cells of a few days, and the order in which workspaces end, some together."""
    keys = [f"{n:016x}" for n in range(draw(st.integers(1, 8)))]
    cells = [
        (day, "workspace", key, "all", "all", *draw(st.sampled_from([(11, 49), (40, 98), (0, 49)])))
        for day in (ONE, TWO)
        for key in sorted({"other", *draw(st.sets(st.sampled_from(keys)))})
    ]
    order = draw(st.permutations(keys))
    cuts = sorted(draw(st.sets(st.integers(1, len(keys)))))
    return cells, [order[a:b] for a, b in zip([0, *cuts], cuts, strict=False)]


@given(history=histories())
def test_whatever_ends_in_whatever_order_sums_are_right_and_a_group_of_few_is_never_shown(history):
    cells, account_ends = history
    with closing(duckdb.connect()) as connection:
        connection.execute("attach ':memory:' as warehouse")
        fill_cubes(connection, cells)
        ended = set()

        for keys in account_ends:
            ended |= set(keys)
            coarsen_tables(connection, keys, fewest_shown=5)

            shown = connection.execute("from warehouse.cubes.cube_cells_daily order by all").fetchall()
            gone = {day: [row for row in cells if row[0] == day and row[2] in ended] for day in (ONE, TWO)}
            sums = [
                (
                    day,
                    "workspace",
                    "former",
                    "all",
                    "all",
                    sum(row[5] for row in rows),
                    sum(row[6] for row in rows),
                )
                for day, rows in gone.items()
                if len(rows) >= 5
            ]
            assert sorted(row for row in shown if row[2] == "former") == sums
            assert {row for row in shown if row[2] != "former"} == {r for r in cells if r[2] not in ended}
