"""The chain grows only; whoever lacks the key cannot change, drop, insert or cut off entries unseen."""

import sqlite3
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.ledger.ledger import Ledger
from warehouse.retention.errors import EvidenceContentError
from warehouse.retention.evidence import (
    accept_restored,
    append,
    check_chain,
    entries,
    move_anchor,
    read_anchor,
    write_anchor,
)

KEY = bytes(range(32))
AS_OF = datetime(2026, 6, 1, 2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    Ledger(tmp_path / "ledger.sqlite")
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def anchor(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "evidence.head"


def _edit(path: Path, sql: str) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(sql)
    connection.close()


def _note(path: Path, *days: int) -> Ledger:
    ledger = Ledger(path)
    for day in days:
        with ledger.transaction() as connection:
            append(connection, key=KEY, kind="plan applied", as_of=AS_OF, body={"rows": day})
    return ledger


def test_entries_are_read_back_in_order_each_naming_the_one_before(path, anchor):
    ledger = _note(path, 1, 2)

    assert [(e.seq, e.kind, e.as_of, e.body) for e in entries(ledger)] == [
        (1, "plan applied", AS_OF, {"rows": 1}),
        (2, "plan applied", AS_OF, {"rows": 2}),
    ]
    assert [e.previous for e in entries(ledger)] == ["", entries(ledger)[0].hash]
    assert write_anchor(ledger, anchor)
    assert check_chain(ledger, key=KEY, anchor=anchor) == []


@pytest.mark.parametrize("sql", ["delete from evidence", "update evidence set kind = 'x'"])
def test_the_table_refuses_what_is_not_an_addition(path, sql):
    _note(path, 1)

    with pytest.raises(sqlite3.IntegrityError, match="evidence is never"):
        _edit(path, sql)


def test_an_entry_whose_transaction_fails_is_not_there(path):
    ledger = _note(path, 1)

    with pytest.raises(EvidenceContentError), ledger.transaction() as connection:  # noqa: PT012
        append(connection, key=KEY, kind="plan applied", as_of=AS_OF, body={})
        append(connection, key=KEY, kind="plan applied", as_of=AS_OF, body={"to": "+49 30 1"})

    assert len(entries(ledger)) == 1


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("update evidence set body = '{\"rows\":7}' where seq = 2", "entry 2 was changed"),
        ("update evidence set as_of = '2020-01-01T00:00:00' where seq = 2", "entry 2 was changed"),
        ("update evidence set kind = 'other' where seq = 1", "entry 1 was changed"),
        ("delete from evidence where seq = 2", "entries 2 to 2 are missing"),
        ("delete from evidence where seq = 3", "cut short"),
        ("delete from evidence", "cut short"),
        (
            "insert into evidence select 4, at, as_of, kind, body, hash, hash from evidence where seq = 3",
            "entry 4 was changed after it was written, or not written with this key",
        ),
    ],
)
def test_whoever_has_the_file_but_not_the_key_cannot_rewrite_it_unseen(path, anchor, sql, problem):
    ledger = _note(path, 1, 2, 3)
    write_anchor(ledger, anchor)

    _edit(path, f"drop trigger evidence_is_not_changed; drop trigger evidence_is_not_deleted; {sql}")

    assert problem in " ".join(check_chain(ledger, key=KEY, anchor=anchor))


def test_a_sound_entry_of_another_chain_does_not_fit(path, anchor, tmp_path):
    ledger = _note(path, 1, 2)
    other = tmp_path / "other.sqlite"
    Ledger(other)
    _note(other, 5, 6)

    _edit(
        path,
        f"drop trigger evidence_is_not_deleted; delete from evidence where seq = 2; attach '{other}' as o; "
        "insert into evidence select * from o.evidence where seq = 2",
    )

    assert check_chain(ledger, key=KEY, anchor=anchor)[0] == "entry 2 does not follow entry 1"


def test_a_chain_longer_than_its_anchor_is_sound_because_a_crash_may_come_between(path, anchor):
    write_anchor(_note(path, 1), anchor)

    assert check_chain(_note(path, 2), key=KEY, anchor=anchor) == []


def test_a_missing_anchor_is_told_and_written_anew(path, anchor):
    ledger = _note(path, 1)

    assert "anchor is missing" in check_chain(ledger, key=KEY, anchor=anchor)[0]
    write_anchor(ledger, anchor)
    assert check_chain(ledger, key=KEY, anchor=anchor) == []


def test_an_empty_chain_without_an_anchor_is_sound(path, anchor):
    assert check_chain(Ledger(path), key=KEY, anchor=anchor) == []


def test_a_restored_ledger_is_seen_even_after_it_has_gone_on(path, anchor, tmp_path):
    _note(path, 1)
    Ledger(path).checkpoint()
    backup = path.read_bytes()
    write_anchor(_note(path, 2), anchor)
    _restore(path, backup)

    ledger = _note(path, 9, 10)

    assert not write_anchor(ledger, anchor)
    assert read_anchor(anchor) == (2, read_anchor(anchor)[1])
    assert "restored from a backup" in check_chain(ledger, key=KEY, anchor=anchor)[0]


def test_accepting_a_restored_ledger_says_so_in_the_chain(path, anchor):
    _note(path, 1)
    Ledger(path).checkpoint()
    backup = path.read_bytes()
    write_anchor(_note(path, 2), anchor)
    lost = read_anchor(anchor)
    _restore(path, backup)
    ledger = Ledger(path)

    with ledger.transaction() as connection:
        seq = accept_restored(connection, key=KEY, as_of=AS_OF, anchor=anchor)
    move_anchor(ledger, anchor)

    assert seq == 2
    assert entries(ledger)[-1].body == {
        "last_entry_written": lost[0],
        "its_hash": lost[1],
        "last_entry_left": 1,
    }
    assert check_chain(ledger, key=KEY, anchor=anchor) == []


def test_there_is_nothing_to_accept_where_nothing_was_lost(path, anchor):
    ledger = _note(path, 1)
    write_anchor(ledger, anchor)

    with ledger.transaction() as connection:
        assert accept_restored(connection, key=KEY, as_of=AS_OF, anchor=anchor) is None

    assert len(entries(ledger)) == 1


def _restore(path: Path, backup: bytes) -> None:
    for name in path.parent.glob("ledger.sqlite*"):
        name.unlink()
    path.write_bytes(backup)


@pytest.mark.parametrize(
    "body",
    [
        {"source": "shop__orders", "rows": 12, "rule": "workspace setting", "since": date(2026, 1, 1)},
        {"event_date=2026-03-01/retention_days=90": {"gone": 3, "class 30": 2, "hold " + "0f" * 16: 1}},
        {"to": "hold 0123456789abcdef", "first_partition": "hold=0123456789012345/bucket=0a"},
        {"held": [{"hold": "0123456789012345", "rows": 1}], "data_set": "_quarantine"},
        {
            "subjects": ["ab" * 16],
            "plan": "cd" * 32,
            "bytes": 10**12,
            "rows_gone": 10**10,
            "as_of": AS_OF,
            "none": None,
        },
        {
            "keys": ["message_log.2026-03.90"],
            "partitions": ["bucket=0a", "month=2026-01/retention_days=2557"],
        },
    ],
)
def test_counts_dates_hashes_and_names_are_evidence(path, body):
    ledger = Ledger(path)

    with ledger.transaction() as connection:
        append(connection, key=KEY, kind="plan applied", as_of=AS_OF, body=body)


@pytest.mark.parametrize(
    "value",
    [
        "anna@example.com",
        "Anna Miller",
        "+49 170 1234567",
        "01701234567",
        "4917 0123 4567",
        491701234567,
        "4111111111111111",
        "192.168.0.1",
        "wamid.HBgLNDkxNzA=",
        "ws-0017",
        "6f9619ff-8b86-d011-b42d-00cf4fc964ff",
        "a word " * 40,
        "two\nlines",
        1.5,
        b"bytes",
    ],
)
@pytest.mark.parametrize("where", ["value", "list", "nested", "name"])
def test_what_may_be_a_value_is_refused_wherever_it_stands_and_not_repeated(path, value, where):
    bodies = {
        "value": {"a": value},
        "list": {"a": [value]},
        "nested": {"a": {"b": value}},
        "name": {value: 1},
    }
    ledger = Ledger(path)

    with pytest.raises(EvidenceContentError) as caught, ledger.transaction() as connection:
        append(connection, key=KEY, kind="plan applied", as_of=AS_OF, body=bodies[where])

    assert str(value) not in str(caught.value)
    assert entries(ledger) == []


@given(
    digits=st.integers(min_value=10**6, max_value=10**15 - 1).map(str),
    before=st.sampled_from(["", "a", "a "]),
)
def test_no_phone_number_is_ever_harmless(digits: str, before: str):
    from warehouse.retention.evidence import _objection

    assert _objection(before + digits) is not None
