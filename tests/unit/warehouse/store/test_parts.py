"""The store: all of a batch or nothing, each event once, files only where the ledger says."""

from contextlib import closing
from datetime import date, datetime, timedelta

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.errors import ConflictError, DuplicateBatchError, ReconciliationError, RowsError
from warehouse.home import Home
from warehouse.keys.keyring import KeyRing
from warehouse.keys.locks import reader_lease
from warehouse.ledger.batches import Commit, Count
from warehouse.ledger.ledger import Ledger
from warehouse.ledger.parts import Part
from warehouse.store.compaction import compact_day
from warehouse.store.connection import Engine
from warehouse.store.housekeeping import remove_orphans, sweep
from warehouse.store.part_files import write_part
from warehouse.store.parts import EventSet, StoreWriter, commit_batch, writing
from warehouse.store.reading import read_columns
from warehouse.store.store import Store

SOURCE = "shop__orders"
ORDERS = EventSet(SOURCE, "message_log")
AS_OF = datetime(2026, 3, 3)
DAY = date(2026, 3, 1)
COLUMNS = (
    ("workspace_id", "varchar"),
    ("event_id", "varchar"),
    ("received_at", "timestamp"),
    ("event_date", "date"),
    ("retention_days", "integer"),
)


def events(*ids: str, day: date = DAY, retention_days: int = 90) -> pa.Table:
    n = len(ids)
    return pa.table(
        {
            "workspace_id": pa.array(["ws_a"] * n, pa.string()),
            "event_id": pa.array(ids, pa.string()),
            "received_at": pa.array([datetime(2026, 3, 1, 12)] * n, pa.timestamp("us")),
            "event_date": pa.array([day] * n, pa.date32()),
            "retention_days": pa.array([retention_days] * n, pa.int32()),
        }
    )


@pytest.fixture
def load(home, ledger, engine):
    def _load(batch_id: str, *tables: pa.Table, rows_read: int | None = None) -> dict[str, int]:
        with writing(home, ledger=ledger, engine=engine, batch_id=batch_id) as writer:
            for table in tables:
                writer.append(ORDERS, table)
            counts = commit_batch(
                writer,
                ledger,
                as_of=AS_OF,
                feed="shop",
                content_hash=batch_id,
                rows_read={SOURCE: sum(t.num_rows for t in tables) if rows_read is None else rows_read},
                counts=[],
            )
        return {count.outcome: count.rows for count in counts}

    return _load


@pytest.fixture
def store(home, keyring, ledger, engine):
    return Store(home, keyring, ledger, engine)


@pytest.fixture
def stored_ids(store):
    def _stored_ids() -> list[str]:
        table = read_columns(store, SOURCE, schema=COLUMNS, columns=["event_id"])
        return sorted(table["event_id"].to_pylist())

    return _stored_ids


def store_files(home: Home) -> list[str]:
    return sorted(path.name for path in home.store.rglob("*") if path.is_file())


def test_the_same_event_counts_once_within_a_batch_and_across_batches(load, stored_ids):
    assert load("b1", events("a", "b", "a")) == {"kept": 2, "duplicate": 1}
    assert load("b2", events("b", "c")) == {"kept": 1, "duplicate": 1}

    assert stored_ids() == ["a", "b", "c"]


def test_an_event_counts_once_whatever_its_retention_class(load, stored_ids):
    load("b1", events("a", retention_days=90))
    load("b2", events("a", retention_days=30))

    assert stored_ids() == ["a"]


def test_the_same_batch_is_refused_and_leaves_no_file(load, stored_ids, home):
    load("b1", events("a"))
    files = store_files(home)

    with pytest.raises(DuplicateBatchError):
        load("b1", events("z"))

    assert stored_ids() == ["a"]
    assert store_files(home) == files


def test_counts_that_do_not_add_up_commit_nothing(load, stored_ids, home):
    with pytest.raises(ReconciliationError, match=r"3 row\(s\) read but 2"):
        load("b1", events("a", "b"), rows_read=3)

    assert stored_ids() == []
    assert store_files(home) == []


def fail_after_writing(writer: StoreWriter) -> None:
    writer.append(ORDERS, events("a"))
    writer.finish()
    raise ZeroDivisionError


def test_a_batch_that_fails_half_way_leaves_no_file(home, ledger, engine, stored_ids):
    with (
        pytest.raises(ZeroDivisionError),
        writing(home, ledger=ledger, engine=engine, batch_id="b1") as writer,
    ):
        fail_after_writing(writer)

    assert stored_ids() == []
    assert store_files(home) == []


def test_two_batches_at_once_keep_an_event_of_both_once(home, ledger, engine, load, stored_ids):
    with writing(home, ledger=ledger, engine=engine, batch_id="slow") as writer:
        writer.append(ORDERS, events("a", "b"))
        writer.finish()
        load("quick", events("b", "c"))
        counts = commit_batch(
            writer, ledger, as_of=AS_OF, feed="shop", content_hash="slow", rows_read={SOURCE: 2}, counts=[]
        )

    assert {c.outcome: c.rows for c in counts} == {"kept": 1, "duplicate": 1}
    assert stored_ids() == ["a", "b", "c"]
    assert sum(part.rows for part in ledger.live_parts()) == 3


def test_a_file_that_would_have_other_rows_than_were_counted_is_not_left(home, engine):
    template = Part(SOURCE, "p", key_name="k", rows=2, batch_id="b1")
    with closing(engine.cursor()) as connection, pytest.raises(RowsError, match=r"3 row\(s\) where 2"):
        write_part(connection, template, "select * from range(3)", home=home, engine=engine)

    assert store_files(home) == []


def test_files_are_encrypted_and_unreadable_without_their_key(load, home):
    load("b1", events("marker-of-this-test"))

    (path,) = home.store.rglob("*.parquet")
    assert b"marker-of-this-test" not in path.read_bytes()
    with pytest.raises(duckdb.Error):
        duckdb.sql(f"select * from read_parquet('{path}')").fetchall()


def test_a_key_serves_one_category_month_and_class(load, ledger):
    load("b1", events("a"), events("b", day=date(2026, 4, 1)), events("c", retention_days=30))

    assert {part.key_name for part in ledger.live_parts()} == {
        "message_log.2026-03.90",
        "message_log.2026-04.90",
        "message_log.2026-03.30",
    }


def test_compaction_makes_one_file_of_many_and_changes_no_row(
    load, home, ledger, keyring, engine, stored_ids
):
    for batch in ("b1", "b2", "b3"):
        load(batch, events(f"{batch}-x", f"{batch}-y"))
    before = stored_ids()

    replaced = compact_day(home, ledger=ledger, engine=engine, source=SOURCE, day=DAY, as_of=AS_OF)
    sweep(home, ledger=ledger, keyring=keyring)

    assert replaced == 3
    assert stored_ids() == before
    assert len(store_files(home)) == 1


def test_a_reader_in_mid_query_keeps_its_files_until_it_is_done(load, home, ledger, keyring, engine):
    load("b1", events("a"))
    load("b2", events("b"))

    with reader_lease(home.locks, ledger.generation()):
        compact_day(home, ledger=ledger, engine=engine, source=SOURCE, day=DAY, as_of=AS_OF)
        assert sweep(home, ledger=ledger, keyring=keyring).files == 0

    assert sweep(home, ledger=ledger, keyring=keyring).files == 2


def test_what_a_crash_left_is_swept_but_not_what_is_being_written(load, home, ledger, engine, stored_ids):
    load("b1", events("a"))
    partition = home.store / SOURCE / "event_date=2026-03-01" / "retention_days=90"
    (partition / "part-crashed-0a0a0a0a.parquet").write_bytes(b"left over")
    (partition / ".part-crashed-0b0b0b0b.parquet.tmp").write_bytes(b"left over")

    with writing(home, ledger=ledger, engine=engine, batch_id="busy") as writer:
        writer.append(ORDERS, events("b"))
        writer.finish()
        orphans = remove_orphans(home, ledger=ledger)
        commit_batch(
            writer, ledger, as_of=AS_OF, feed="shop", content_hash="busy", rows_read={SOURCE: 1}, counts=[]
        )

    assert orphans == 2
    assert stored_ids() == ["a", "b"]


def test_a_newer_column_is_null_in_older_files(store, load):
    load("b1", events("a"))
    newer = events("b").append_column("amount", pa.array([5], pa.int64()))
    load("b2", newer)

    table = read_columns(
        store,
        SOURCE,
        schema=(*COLUMNS, ("amount", "bigint")),
        columns=["event_id", "amount"],
    )

    assert sorted(zip(*table.to_pydict().values(), strict=True)) == [("a", None), ("b", 5)]


def test_a_removed_part_cannot_be_removed_again(load, ledger):
    load("b1", events("a"))
    parts = ledger.live_parts(SOURCE)
    removal = Commit(
        batch_id="x", as_of=AS_OF, snapshot=ledger.generation(), removed=dict.fromkeys(parts, "test")
    )
    ledger.commit(removal)

    with pytest.raises(ConflictError):
        ledger.commit(removal)


@settings(max_examples=20, deadline=None)
@given(
    batches=st.lists(
        st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 2)), min_size=1, max_size=8),
        min_size=1,
        max_size=4,
    )
)
def test_any_split_and_repetition_of_events_gives_the_same_store(tmp_path_factory, batches):
    home = Home(tmp_path_factory.mktemp("home")).create()
    keyring = KeyRing(home.keys)
    ledger, engine = Ledger(home.ledger_path), Engine(home.tmp, keyring)

    for number, batch in enumerate(batches):
        with writing(home, ledger=ledger, engine=engine, batch_id=f"b{number}") as writer:
            for id_, offset in batch:
                writer.append(ORDERS, events(f"{id_}{offset}", day=DAY + timedelta(days=offset)))
            counts = commit_batch(
                writer,
                ledger,
                as_of=AS_OF,
                feed="shop",
                content_hash=str(number),
                rows_read={SOURCE: len(batch)},
                counts=[],
            )
        assert sum(count.rows for count in counts) == len(batch)

    stored = read_columns(Store(home, keyring, ledger, engine), SOURCE, schema=COLUMNS, columns=["event_id"])
    expected = {f"{id_}{offset}" for batch in batches for id_, offset in batch}
    assert sorted(stored["event_id"].to_pylist()) == sorted(expected)
    assert ledger.counts() == [
        Count(SOURCE, outcome, "", rows)
        for outcome, rows in (
            ("duplicate", sum(map(len, batches)) - len(expected)),
            ("kept", len(expected)),
        )
        if rows
    ]


def test_an_error_after_the_commit_deletes_nothing_that_is_committed(home, ledger, engine, stored_ids):
    def load_and_be_interrupted() -> None:
        with writing(home, ledger=ledger, engine=engine, batch_id="one") as writer:
            writer.append(ORDERS, events("a", "b"))
            commit_batch(
                writer, ledger, as_of=AS_OF, feed="shop", content_hash="one", rows_read={SOURCE: 2}, counts=[]
            )
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_and_be_interrupted()

    assert stored_ids() == ["a", "b"]
