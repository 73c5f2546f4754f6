"""Keys that crashed writers leave, or an old copy of the key directory that was put back, go."""

import os
from datetime import datetime

import pytest

from warehouse.keys.keyring import Purpose
from warehouse.keys.locks import writer_lease
from warehouse.ledger.batches import Commit
from warehouse.ledger.parts import Part
from warehouse.store.housekeeping import destroy_orphan_keys

NEEDED, ORPHAN = "log.2026-03.90", "log.2020-01.90"


@pytest.fixture
def keys(home, ledger, keyring):
    """Two keys two days old, one of which a listed file needs."""
    part = Part("shop__orders", "bucket=00", NEEDED, rows=1, batch_id="b", path="store/a.parquet", bytes=1)
    ledger.commit(Commit(batch_id="b", as_of=datetime(2026, 3, 1), snapshot=0, added=[part]))
    keyring.get_all(Purpose.PARQUET, [NEEDED, ORPHAN])
    keyring.get(Purpose.PSEUDONYM, "ws_a")
    for path in home.keys.rglob("*.key"):
        os.utime(path, (0, 0))
    return keyring


def test_a_key_that_no_file_needs_goes_and_its_destruction_is_logged(home, ledger, keys):
    assert destroy_orphan_keys(home, ledger=ledger, keyring=keys) == 1

    assert keys.has(Purpose.PARQUET, NEEDED)
    assert not keys.has(Purpose.PARQUET, ORPHAN)
    assert keys.has(Purpose.PSEUDONYM, "ws_a")
    (logged,) = ledger.read("select key_name from destroyed_keys")
    assert logged["key_name"].startswith("orphan ")


def test_a_young_key_may_wait_for_its_file(home, ledger, keys):
    keys.get(Purpose.PARQUET, "log.2026-04.90")

    assert destroy_orphan_keys(home, ledger=ledger, keyring=keys) == 1
    assert keys.has(Purpose.PARQUET, "log.2026-04.90")


def test_nothing_goes_while_somebody_writes(home, ledger, keys):
    with writer_lease(home.locks, "b2"):
        assert destroy_orphan_keys(home, ledger=ledger, keyring=keys) == 0

    assert keys.has(Purpose.PARQUET, ORPHAN)


def test_nothing_goes_where_the_ledger_is_gone_and_may_be_restored(home, ledger, keys):
    with ledger.transaction() as connection:
        connection.execute("delete from parts")

    assert destroy_orphan_keys(home, ledger=ledger, keyring=keys) == 0
    assert keys.has(Purpose.PARQUET, ORPHAN)
