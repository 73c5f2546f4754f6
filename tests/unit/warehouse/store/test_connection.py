"""The encryption library's signature is checked, though not again for every connection."""

import shutil
from contextlib import nullcontext
from pathlib import Path

import duckdb
import pytest

from warehouse.store import connection


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A copy of the library that a test may spoil."""
    with connection._library() as path:
        copy = Path(shutil.copy2(path, tmp_path))
    monkeypatch.setattr(connection, "_library", lambda: nullcontext(copy))
    monkeypatch.setattr(connection, "_CHECKED", set())
    return copy


def spoil(library):
    """Change the signature and nothing else."""
    content = bytearray(library.read_bytes())
    content[-1] ^= 1
    # Not in place: a library that is loaded is read from the file.
    library.unlink()
    library.write_bytes(content)


@pytest.mark.parametrize("connections", [0, 1, 2])
def test_a_library_that_was_changed_is_not_loaded_however_often_it_was_before(library, tmp_path, connections):
    for _ in range(connections):
        connection.connect(tmp=tmp_path).close()
    spoil(library)

    with pytest.raises(duckdb.IOException, match="signature"):
        connection.connect(tmp=tmp_path)


def test_twin_without_a_look_at_the_file_it_would_be(library, tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "is_library_checked", lambda: True)
    spoil(library)

    connection.connect(tmp=tmp_path).close()


@pytest.mark.parametrize("number", [1, 2, 3])
def test_no_connection_loads_another_library_unchecked(library, tmp_path, number):
    for _ in range(number):
        opened = connection.connect(tmp=tmp_path)
    other = Path(shutil.copy2(library, tmp_path / "other.duckdb_extension"))
    spoil(other)

    with pytest.raises(duckdb.InvalidInputException):
        opened.execute("set allow_unsigned_extensions = true")
    with pytest.raises(duckdb.IOException, match="signature"):
        opened.execute(f"load '{other}'")
