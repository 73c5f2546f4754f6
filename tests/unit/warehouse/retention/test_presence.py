"""What is there of a workspace and a day, in every layout, also where it is held or cannot be read."""

from datetime import date, datetime

import pyarrow as pa
import pytest

from warehouse.keys.keyring import Purpose
from warehouse.ledger.batches import Commit
from warehouse.ledger.parts import Part
from warehouse.retention.presence import presence
from warehouse.retention.reasons import Found
from warehouse.retention.rules import DataSet, Layout
from warehouse.store.part_files import write_part

OWNED = frozenset({"workspace_id"})
ORDERS = DataSet("shop__orders", "orders", Layout.DAYS, "paid_at", OWNED)
BILLS = DataSet("shop__bills", "bills", Layout.MONTHS, "billed_at", OWNED)
BUYERS = DataSet("shop__buyers", "buyers", Layout.BUCKETS, None, OWNED)
RAW = DataSet("_quarantine", "quarantine", Layout.DAYS)
DAY = date(2026, 5, 1)
TODAY = f"event_date={DAY}/retention_days=30"
BUCKET = "bucket=1b"  # of "ws_a"


@pytest.fixture
def store(home, ledger, engine):
    """Adds one file: data set, partition, workspaces of its rows."""

    def add(data: DataSet, partition: str, *workspaces: str, hold: str | None = None) -> Part:
        at = datetime(2026, 5, 1, 12)
        rows = pa.table(
            {"workspace_id": list(workspaces), data.event_time or "received_at": [at] * len(workspaces)}
        )
        connection = engine.cursor()
        connection.register("rows", rows)
        day = DAY if data.layout is Layout.DAYS else None
        key = f"k.{data.source}"
        template = Part(data.source, partition, key, rows.num_rows, "b1", event_date=day, hold=hold)
        part = write_part(connection, template, "select * from rows", home=home, engine=engine)
        connection.close()
        ledger.commit(Commit("b1", datetime(2026, 5, 2), ledger.generation(), added=[part]))
        return part

    return add


@pytest.fixture
def found(home, ledger, engine):
    def ask(data: DataSet, workspace: str = "ws_a", day: date = DAY) -> list[Found]:
        return presence(home, ledger=ledger, engine=engine, data=data, workspace=workspace, event_day=day)

    return ask


def test_events_are_counted_by_day_and_class_and_held_ones_apart(store, found):
    store(ORDERS, TODAY, "ws_a", "ws_b")
    store(ORDERS, TODAY, "ws_a")
    store(ORDERS, TODAY.replace("30", "90"), "ws_b")
    store(ORDERS, TODAY.replace("05-01", "05-02"), "ws_a")
    store(ORDERS, f"hold=h/{TODAY}", "ws_a", hold="h")

    assert found(ORDERS) == [
        Found("shop__orders", TODAY, 2),
        Found("shop__orders", f"hold=h/{TODAY}", 1, "h"),
    ]


def test_rows_of_a_month_are_counted_by_their_own_day(store, found):
    store(BILLS, "month=2026-05", "ws_a", "ws_a", "ws_b")

    assert found(BILLS) == [Found("shop__bills", "month=2026-05", 2)]
    assert found(BILLS, day=date(2026, 5, 2)) == []


def test_state_is_counted_whatever_the_day(store, found):
    store(BUYERS, BUCKET, "ws_a", "ws_b")

    assert found(BUYERS, day=date(2020, 1, 1)) == [Found("shop__buyers", BUCKET, 1)]


def test_quarantine_is_counted_for_all_as_nobody_knows_whose_it_is(store, found):
    store(RAW, TODAY, "", "")

    assert found(RAW) == [Found("_quarantine", TODAY, 2)]


def test_what_has_no_key_is_there_and_cannot_be_counted(store, found, keyring):
    store(ORDERS, TODAY, "ws_a")
    keyring.destroy(Purpose.PARQUET, "k.shop__orders")

    assert found(ORDERS) == [Found("shop__orders", TODAY, None)]
    assert not keyring.has(Purpose.PARQUET, "k.shop__orders")


@pytest.mark.parametrize(("why", "is_shown"), [("expired", True), ("rewritten", True), ("compacted", False)])
def test_what_is_deleted_and_waits_for_readers_is_shown(store, found, ledger, why, is_shown):
    part = store(ORDERS, TODAY, "ws_a")
    ledger.commit(Commit("b2", datetime(2026, 5, 2), ledger.generation(), removed={part: why}))

    hidden = Found("shop__orders", TODAY, None, is_hidden=True)
    assert found(ORDERS) == ([hidden] if is_shown else [])
