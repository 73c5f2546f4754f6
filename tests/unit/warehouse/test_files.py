"""Durable writes."""

import pytest

from warehouse.files import leftovers_of, replacing


def test_two_writers_of_one_file_do_not_meet_and_the_last_one_stays(tmp_path):
    path = tmp_path / "plan.json"

    with replacing(path) as first:
        first.write_text("one")
        with replacing(path) as second:
            second.write_text("two")
        assert path.read_text() == "two"

    assert path.read_text() == "one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text("before")

    def fill() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fill()

    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_leftovers_are_those_of_the_file_and_of_no_other(tmp_path):
    for name in (".a[1].db.0f.tmp", ".a[1].db.0f.tmp.wal", ".b.db.0f.tmp", "a[1].db", "a[1].db.wal"):
        (tmp_path / name).touch()

    assert [p.name for p in leftovers_of(tmp_path / "a[1].db")] == [".a[1].db.0f.tmp", ".a[1].db.0f.tmp.wal"]
