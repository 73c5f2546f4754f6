"""Only what passed its tests is published."""

from contextlib import closing

import duckdb
import pytest

from warehouse.errors import UnsoundMartsError
from warehouse.keyring import KeyRing
from warehouse.ledger import Ledger
from warehouse.publish import publish, withdraw


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
