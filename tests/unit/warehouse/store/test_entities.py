"""Entities: the newest version stays, deletions are followed, order of arrival does not matter."""

from datetime import datetime, timedelta
from functools import partial
from itertools import permutations

import pyarrow as pa
import pytest

from warehouse.errors import ConflictError, ShrinkError
from warehouse.home import Home
from warehouse.keys.keyring import KeyRing
from warehouse.ledger.batches import Commit
from warehouse.ledger.ledger import Ledger
from warehouse.retention.holds import first_hold_sql
from warehouse.retention.rules import DataSet, Hold, Layout
from warehouse.store.connection import Engine
from warehouse.store.entities import EntityWriter
from warehouse.store.entity_sql import EntitySet
from warehouse.store.housekeeping import sweep
from warehouse.store.parts import commit_batch, writing
from warehouse.store.reading import read_columns, read_parts
from warehouse.store.store import Store

COLUMNS = (
    ("workspace_id", "varchar"),
    ("entity_id", "varchar"),
    ("received_at", "timestamp"),
    ("city", "varchar"),
    ("contact_token", "varchar"),
    ("updated_at", "timestamp"),
    ("deleted_at", "timestamp"),
)
BUYERS = EntitySet("shop__buyers", "contact", COLUMNS, version="updated_at")
BUYERS_KEPT = DataSet("shop__buyers", "contact", Layout.BUCKETS, columns=frozenset(dict(COLUMNS)))
TYPES = {"varchar": pa.string(), "timestamp": pa.timestamp("us")}


def at(day: int) -> datetime:
    return datetime(2026, 3, 1) + timedelta(days=day)


def rows(*cells: tuple[str, str, int, bool]) -> pa.Table:
    """(entity, city, day of update, deleted) → a table of one workspace per first letter."""
    records = [
        (f"ws_{entity[0]}", entity, at(0), city, f"token_{entity}", at(day), at(day) if deleted else None)
        for entity, city, day, deleted in cells
    ]
    return pa.table(
        {
            name: pa.array([record[i] for record in records], TYPES[type_])
            for i, (name, type_) in enumerate(COLUMNS)
        }
    )


def load(
    home: Home,
    export: pa.Table,
    *,
    full: bool = False,
    allow_shrink: bool = False,
    spared: tuple[str, ...] = (),
    holds: tuple[Hold, ...] = (),
) -> dict[str, int]:
    ledger = Ledger(home.ledger_path)
    batch_id = f"b{ledger.generation()}"
    writer = EntityWriter(
        home, entities=BUYERS, ledger=ledger, engine=Engine(home.tmp, KeyRing(home.keys)), batch_id=batch_id
    )
    committed = False
    try:
        writer.append(export)
        hold = partial(first_hold_sql, BUYERS_KEPT, holds, row="old")
        merge = writer.merge(
            full=full,
            allow_shrink=allow_shrink,
            spared=spared,
            keeping=lambda columns: hold(present=columns),
        )
        ledger.commit(
            Commit(
                batch_id=batch_id,
                as_of=at(9),
                snapshot=merge.snapshot,
                feed="shop/buyers",
                content_hash=batch_id,
                rows_read={"shop__buyers": export.num_rows},
                counts=merge.counts,
                added=merge.added,
                removed=dict.fromkeys(merge.removed, "replaced"),
                watched=merge.watched,
            )
        )
        committed = True
    finally:
        writer.close(committed=committed)
    return {count.outcome: count.rows for count in merge.counts}


def living(home: Home) -> dict[str, str]:
    keyring = KeyRing(home.keys)
    store = Store(home, keyring, Ledger(home.ledger_path), Engine(home.tmp, keyring))
    table = read_columns(store, "shop__buyers", schema=COLUMNS, columns=["entity_id", "city"])
    return dict(sorted(zip(*table.to_pydict().values(), strict=True)))


def test_any_order_of_exports_ends_in_the_same_state(tmp_path):
    exports = [
        rows(("a1", "Bonn", 1, False), ("b1", "Ulm", 1, False)),
        rows(("a1", "Kiel", 2, False)),
        rows(("b1", "Ulm", 3, True)),
        rows(("a2", "Jena", 2, False)),
    ]

    for number, order in enumerate(permutations(exports)):
        home = Home(tmp_path / str(number)).create()
        for export in order:
            load(home, export)
        assert living(home) == {"a1": "Kiel", "a2": "Jena"}


def test_a_merge_that_met_another_export_is_made_again_and_committed(home):
    ledger, engine = Ledger(home.ledger_path), Engine(home.tmp, KeyRing(home.keys))
    shared = {"ledger": ledger, "engine": engine, "batch_id": "late"}
    counted = {
        "as_of": at(9),
        "feed": "shop/buyers",
        "content_hash": "late",
        "rows_read": {"shop__buyers": 1},
    }
    with writing(home, **shared) as writer:
        entities = EntityWriter(home, entities=BUYERS, **shared)
        entities.append(rows(("a1", "Kiel", 2, False)))
        stale = entities.merge(full=False, allow_shrink=False)
        load(home, rows(("a1", "Bonn", 1, False), ("a2", "Jena", 1, False)))

        with pytest.raises(ConflictError):
            commit_batch(writer, ledger, **counted, counts=stale.counts, merge=stale)
        merge = entities.merge(full=False, allow_shrink=False)
        commit_batch(writer, ledger, **counted, counts=merge.counts, merge=merge)
        entities.close(committed=True)

    assert living(home) == {"a1": "Kiel", "a2": "Jena"}


def test_absence_from_a_full_export_is_a_deletion_but_not_of_what_is_newer(home):
    load(home, rows(("a1", "Bonn", 1, False), ("a2", "Jena", 1, False), ("a3", "Kiel", 8, False)))

    load(home, rows(("a1", "Bonn", 5, False)), full=True)

    assert living(home) == {"a1": "Bonn", "a3": "Kiel"}


def test_a_full_export_reaches_workspaces_it_does_not_name(home):
    load(home, rows(("a1", "Bonn", 1, False), ("b1", "Ulm", 1, False)))

    load(home, rows(("a1", "Bonn", 2, False)), full=True, allow_shrink=True)

    assert living(home) == {"a1": "Bonn"}


def test_an_export_that_deletes_most_is_refused_unless_it_is_meant(home):
    load(home, rows(*((f"a{i}", "Bonn", 1, False) for i in range(5))))
    broken = rows(("a0", "Bonn", 2, False))

    with pytest.raises(ShrinkError, match="1 of 5 rows"):
        load(home, broken, full=True)

    assert len(living(home)) == 5
    load(home, broken, full=True, allow_shrink=True)
    assert len(living(home)) == 1


def test_a_deleted_entity_leaves_no_attribute_and_does_not_come_back(home):
    load(home, rows(("a1", "Bonn", 1, False)))
    load(home, rows(("a1", "Bonn", 2, True)))
    sweep(home, ledger=Ledger(home.ledger_path), keyring=KeyRing(home.keys))

    counts = load(home, rows(("a1", "Bonn", 1, False)))

    assert counts == {"duplicate": 1}
    assert living(home) == {}


@pytest.mark.parametrize("newer", [3, 4])
def test_what_a_full_export_lacks_comes_back_with_a_newer_one_but_not_with_an_old_file(home, newer):
    load(home, rows(("a1", "Bonn", 1, False), ("a2", "Jena", 3, False)))
    load(home, rows(("a2", "Jena", 3, False)), full=True)

    old = load(home, rows(("a1", "Bonn", 1, False)))
    older = load(home, rows(("a1", "Bonn", 1, False), ("a2", "Jena", 2, False)), full=True)
    still = living(home)
    load(home, rows(("a1", "Bonn", 1, False), ("a2", "Jena", newer, False)), full=True)

    assert (old, older) == ({"duplicate": 1}, {"duplicate": 2})
    assert still == {"a2": "Jena"}
    assert living(home) == {"a1": "Bonn", "a2": "Jena"}


def test_absence_is_dated_by_the_export_that_shows_it_first(home):
    load(home, rows(("a1", "Bonn", 1, False), ("a2", "Jena", 1, False)))
    load(home, rows(("a2", "Jena", 5, False)), full=True)
    load(home, rows(("a2", "Jena", 7, False)), full=True)

    parts = Ledger(home.ledger_path).live_parts()
    marker, _ = read_parts(home, engine=Engine(home.tmp, KeyRing(home.keys)), parts=parts).to_pylist()

    assert (marker["city"], marker["updated_at"], marker["deleted_at"]) == (None, at(5), at(5))


def test_a_full_export_says_nothing_of_workspaces_that_were_taken_out_of_it(home):
    load(home, rows(("a1", "Bonn", 1, False), ("b1", "Ulm", 1, False)))

    load(home, rows(("b1", "Ulm", 2, False)), full=True, spared=("ws_a",))

    assert living(home) == {"a1": "Bonn", "b1": "Ulm"}


def held(home: Home) -> dict[str, list[tuple[str, str]]]:
    """Hold → (entity, city) of the rows it keeps."""
    engine = Engine(home.tmp, KeyRing(home.keys))
    found: dict[str, list[tuple[str, str]]] = {}
    for part in Ledger(home.ledger_path).held_parts():
        assert part.key_name == f"hold.{part.hold}"
        assert part.partition.startswith(f"hold={part.hold}/bucket=")
        kept = read_parts(home, engine=engine, parts=[part]).to_pylist()
        found.setdefault(str(part.hold), []).extend((row["entity_id"], row["city"]) for row in kept)
    return found


@pytest.mark.parametrize(
    ("scope", "kept"),
    [
        ({}, [("a1", "Bonn"), ("a2", "Jena")]),
        ({"contact_token": "token_a2"}, [("a2", "Jena")]),
        ({"source": "shop__buyers"}, [("a1", "Bonn"), ("a2", "Jena")]),
        ({"source": "shop__orders"}, []),
        ({"contact_token": "token_a9"}, []),
    ],
)
@pytest.mark.parametrize("by_absence", [False, True])
def test_a_hold_keeps_what_the_source_deletes_out_of_sight(home, scope, kept, by_absence):
    hold = Hold("0123456789abcdef", "ws_a", at(99), **scope)
    load(home, rows(("a1", "Bonn", 1, False), ("a2", "Jena", 1, False), ("b1", "Ulm", 1, False)))

    if by_absence:
        load(home, rows(("c1", "Hof", 5, False)), full=True, allow_shrink=True, holds=(hold,))
    else:
        gone = (("a1", "Bonn", 5, True), ("a2", "Jena", 5, True), ("b1", "Ulm", 5, True))
        load(home, rows(("c1", "Hof", 5, False), *gone), holds=(hold,))

    assert living(home) == {"c1": "Hof"}
    assert held(home) == ({hold.name: kept} if kept else {})


def test_a_hold_does_not_keep_what_is_only_updated_nor_keep_a_row_twice(home):
    hold = Hold("0123456789abcdef", "ws_a", at(99))
    load(home, rows(("a1", "Bonn", 1, False)))

    load(home, rows(("a1", "Kiel", 2, False)), holds=(hold,))
    nothing = held(home)
    load(home, rows(("a1", "Kiel", 3, True)), holds=(hold,))
    load(home, rows(("a1", "Kiel", 4, True), ("a2", "Jena", 4, False)), holds=(hold,))

    assert nothing == {}
    assert held(home) == {hold.name: [("a1", "Kiel")]}


def test_without_the_copy_a_hold_would_keep_nothing_of_what_the_source_deletes(home, monkeypatch):
    hold = Hold("0123456789abcdef", "ws_a", at(99))
    load(home, rows(("a1", "Bonn", 1, False)))
    monkeypatch.setattr(EntityWriter, "_keep_deleted", lambda *_: None)

    load(home, rows(("a1", "Bonn", 2, True)), holds=(hold,))

    assert held(home) == {}


def test_a_rewrite_destroys_the_key_of_what_it_replaced(home):
    load(home, rows(("a1", "Bonn", 1, False)))
    before = set(home.keys.glob("parquet/*"))

    load(home, rows(("a1", "Kiel", 2, False)))
    sweep(home, ledger=Ledger(home.ledger_path), keyring=KeyRing(home.keys))

    after = set(home.keys.glob("parquet/*"))
    assert len(after) == 1
    assert not before & after
