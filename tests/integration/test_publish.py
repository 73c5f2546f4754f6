"""Only what passed its tests and was released is published; what was taken away is nowhere in the copy."""

import stat
import subprocess
import sys
from contextlib import closing
from datetime import date

import duckdb
import pytest

from warehouse.errors import ChangedAfterReleaseError, UnreleasedSliceError, UnsoundMartsError
from warehouse.keys.keyring import KeyRing
from warehouse.ledger.ledger import Ledger
from warehouse.publishing.publish import publish, published_before, withdraw
from warehouse.publishing.releases import release, rows_in, slices_in, unreleased
from warehouse.retention.databases import rewrite
from warehouse.store.session import open_session

DAY, NEXT = date(2026, 5, 10), date(2026, 5, 11)
CUBE = "cube_cells_daily"


def test_marts_that_did_not_pass_are_not_published(home):
    Ledger(home.ledger_path).set_unsound_marts({"cube_cells_hold_eleven_contacts"})

    with pytest.raises(UnsoundMartsError, match="cube_cells_hold_eleven_contacts"):
        publish(home, keyring=KeyRing(home.keys))

    assert not home.published_path.exists()


def test_a_workspace_is_taken_out_of_the_copy_with_whatever_cannot_be_told_to_be_another_s(home):
    with closing(duckdb.connect(str(home.published_path))) as connection:
        connection.execute(
            "create table daily as from (values ('gone', 1), ('stays', 2), (null, 3)) t(workspace_key, n)"
        )
        connection.execute("create table totals as select date '2026-05-10' as send_date, 6 as n")
        connection.execute("create table names as select 'gone' as somebody")

    withdrawn = withdraw(home, workspace_keys=["gone"])

    with closing(duckdb.connect(str(home.published_path), read_only=True)) as connection:
        assert connection.execute("from daily order by n").fetchall() == [("stays", 2), (None, 3)]
        assert connection.execute("select n from totals").fetchall() == [(6,)]
    assert withdrawn.tables == (("daily", 2), ("totals", 1))
    assert b"gone" not in home.published_path.read_bytes()


def test_without_a_copy_there_is_nothing_to_take_out(home):
    assert withdraw(home, workspace_keys=["gone"]) is None
    assert not home.published_path.exists()


class Warehouse:
    """A warehouse of one cube, with names and a mart over both."""

    def __init__(self, home):
        self.home, self.keyring, self.ledger = home, KeyRing(home.keys), Ledger(home.ledger_path)
        self.run(
            "create schema cubes",
            f"create table cubes.{CUBE} (send_date date, workspace_key varchar, n bigint)",
            "create schema marts",
            "create table marts.dim_published_workspaces (workspace_key varchar, workspace_name varchar)",
            f"create view marts.mart_cells as select c.*, w.workspace_name from warehouse.cubes.{CUBE} as c "
            "left join warehouse.marts.dim_published_workspaces as w on c.workspace_key = w.workspace_key",
        )

    def run(self, *statements):
        with open_session(self.home, schemas={}) as connection:
            connection.execute("use warehouse")
            for statement in statements:
                connection.execute(statement)

    def add(self, day, n, name=None):
        self.run(f"insert into cubes.{CUBE} values ('{day}', 'w', {n})")
        if name:
            self.run(f"insert into marts.dim_published_workspaces values ('w', '{name}')")

    def release(self, why="closed"):
        with open_session(self.home, schemas={}, read_only=True) as connection:
            keys = unreleased(self.ledger, rows_in(connection)) if why == "closed" else rows_in(connection)
            release(self.ledger, slices_in(connection, keys), why=why)

    def publish(self):
        return publish(self.home, keyring=self.keyring)

    def published(self, query="from mart_cells order by send_date"):
        with closing(duckdb.connect(str(self.home.published_path), read_only=True)) as connection:
            return connection.execute(query).fetchall()


@pytest.fixture
def warehouse(home):
    built = Warehouse(home)
    built.add(DAY, 20, name="Corner shop")
    built.release()
    built.publish()
    return built


def test_a_copy_gains_what_is_new_and_marts_show_it(warehouse):
    warehouse.add(NEXT, 30)
    warehouse.release()
    shown = warehouse.publish()

    assert warehouse.published() == [(DAY, "w", 20, "Corner shop"), (NEXT, "w", 30, "Corner shop")]
    assert shown.tables == ((CUBE, 2), ("dim_published_workspaces", 1))
    assert shown.marts == ("mart_cells",)


def test_other_accounts_of_the_group_can_read_what_is_published_and_nothing_else(warehouse):
    warehouse.add(NEXT, 30)
    warehouse.release()
    warehouse.publish()
    home = warehouse.home

    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (home.root, *home.root.iterdir())}

    # Through the root there is a way, and no list of what lies there.
    assert modes == {home.root: 0o710, home.published: 0o750, home.data: 0o700, home.keys: 0o700}
    assert stat.S_IMODE(home.published_path.stat().st_mode) == 0o440
    assert withdraw(home, workspace_keys=["w"])
    assert stat.S_IMODE(home.published_path.stat().st_mode) == 0o440
    assert [*home.published.iterdir()] == [home.published_path]


def test_a_reader_that_opened_the_copy_for_writing_blocks_nobody(warehouse):
    """Only its owner can, after changing the mode; the superuser always can."""
    path = warehouse.home.published_path
    path.chmod(0o600)
    hold = f"import duckdb; held = duckdb.connect({str(path)!r}); print(flush=True); input()"
    command = [sys.executable, "-c", hold]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()

        assert published_before(warehouse.home) is None
        warehouse.add(NEXT, 30)
        warehouse.release()
        warehouse.publish()

        assert [row[0] for row in warehouse.published()] == [DAY, NEXT]
        holder.communicate(b"\n")


def test_a_reader_keeps_the_copy_that_it_opened_though_there_is_a_new_one(warehouse):
    with closing(duckdb.connect(str(warehouse.home.published_path), read_only=True)) as reader:
        warehouse.add(NEXT, 30)
        warehouse.release()
        warehouse.publish()

        assert reader.execute("select send_date from mart_cells").fetchall() == [(DAY,)]
    assert [row[0] for row in warehouse.published()] == [DAY, NEXT]


def test_a_copy_to_which_nothing_was_added_need_not_be_looked_at_again(warehouse):
    assert published_before(warehouse.home) == warehouse.publish() == published_before(warehouse.home)


def test_a_warehouse_file_that_retention_rewrote_holds_nothing_new(warehouse):
    rewrite(warehouse.home, keyring=warehouse.keyring)

    assert published_before(warehouse.home) is not None


def add_and_rewrite(warehouse):
    warehouse.add(NEXT, 30)
    rewrite(warehouse.home, keyring=warehouse.keyring)


@pytest.mark.parametrize(
    "change",
    [
        lambda warehouse: warehouse.add(NEXT, 30),
        add_and_rewrite,
        lambda warehouse: warehouse.run("create or replace view marts.mart_cells as select 1 as n"),
        lambda warehouse: warehouse.release(why="corrected"),
        lambda warehouse: warehouse.home.published_path.unlink(),
        lambda warehouse: withdraw(warehouse.home, workspace_keys=["w"]),
        lambda warehouse: warehouse.home.warehouse_path.with_name("warehouse.duckdb.wal").touch(),
    ],
    ids=[
        "a slice",
        "a slice, rewritten",
        "a mart",
        "a release",
        "the copy is gone",
        "a workspace is withdrawn",
        "a crash",
    ],
)
def test_whatever_was_written_since_is_looked_at(warehouse, change):
    change(warehouse)

    assert published_before(warehouse.home) is None


def test_marts_can_be_read_wherever_the_file_lies_and_whatever_it_is_called(warehouse, tmp_path):
    elsewhere = tmp_path / "report of may.duckdb"
    elsewhere.write_bytes(warehouse.home.published_path.read_bytes())
    with closing(duckdb.connect(str(elsewhere), read_only=True)) as connection:
        assert connection.execute("select n from mart_cells").fetchall() == [(20,)]


def test_what_was_published_of_a_slice_stays_though_the_warehouse_s_was_changed(warehouse):
    warehouse.run(f"update cubes.{CUBE} set n = 19")
    warehouse.add(NEXT, 30)
    warehouse.release()
    warehouse.publish()

    assert warehouse.published("select n from mart_cells order by n") == [(20,), (30,)]


def test_twin_a_copy_that_begins_afresh_asks_for_the_hash_of_every_slice(warehouse):
    warehouse.run(f"update cubes.{CUBE} set n = 19")
    warehouse.home.published_path.unlink()

    with pytest.raises(ChangedAfterReleaseError, match="2026-05-10"):
        warehouse.publish()
    assert not warehouse.home.published_path.exists()


def test_a_slice_that_lost_a_row_stops_publishing(warehouse):
    warehouse.run(f"delete from cubes.{CUBE}")
    with pytest.raises(ChangedAfterReleaseError, match="2026-05-10"):
        warehouse.publish()


def test_a_slice_that_was_not_released_stops_publishing(warehouse):
    warehouse.add(NEXT, 30)
    with pytest.raises(UnreleasedSliceError, match="2026-05-11"):
        warehouse.publish()
    assert warehouse.published("select n from mart_cells") == [(20,)]


CHANGES = {
    "a name changed": "update marts.dim_published_workspaces set workspace_name = 'Bakery'",
    "a name went": "delete from marts.dim_published_workspaces",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_what_was_taken_away_is_nowhere_in_the_file(warehouse, change):
    assert b"Corner shop" in warehouse.home.published_path.read_bytes()
    warehouse.run(change)
    warehouse.publish()

    assert b"Corner shop" not in warehouse.home.published_path.read_bytes()


def test_twin_a_copy_that_is_continued_whatever_changed_keeps_it(warehouse, monkeypatch):
    monkeypatch.setattr("warehouse.publishing.publish._only_gains", lambda _: True)
    warehouse.run(CHANGES["a name went"])
    warehouse.publish()

    assert b"Corner shop" in warehouse.home.published_path.read_bytes()


def test_a_slice_that_was_released_anew_takes_the_place_of_the_old_one(warehouse):
    warehouse.run(f"update cubes.{CUBE} set n = 40")
    warehouse.release(why="reissued")
    warehouse.publish()

    assert warehouse.published("select n from mart_cells") == [(40,)]


def test_a_mart_that_is_no_more_is_gone_from_the_copy(warehouse):
    warehouse.run("drop view marts.mart_cells", "create view marts.mart_other as select 12 as n")
    assert warehouse.publish().marts == ("mart_other",)
    assert warehouse.published("select n from mart_other") == [(12,)]


def test_a_copy_that_somebody_wrote_to_is_not_continued(warehouse):
    warehouse.home.published_path.chmod(0o600)
    with closing(duckdb.connect(str(warehouse.home.published_path))) as connection:
        connection.execute(f"update cubes.{CUBE} set n = 99")
    warehouse.publish()
    assert warehouse.published("select n from mart_cells") == [(20,)]
