"""The warehouse file is rewritten by copy: what was deleted is nowhere in the new file, the rest is."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from warehouse.errors import StoreError
from warehouse.files import leftovers_of
from warehouse.home import Home
from warehouse.keys.keyring import KeyRing
from warehouse.keys.locks import warehouse_lock
from warehouse.ledger.ledger import Ledger
from warehouse.retention.databases import copy_database, needs_rewrite, remove_leftovers, rewrite
from warehouse.store.session import open_warehouse_file

MARKERS = [f"marker-{number:05}-qzx" for number in range(2000)]
ROOT = Path(__file__).parents[4]


def filled(connection: duckdb.DuckDBPyConnection, database: str) -> None:
    """A table and a view; of four thousand rows a third is deleted and a third updated."""
    connection.execute(f"create schema {database}.cubes")
    connection.execute(f"create table {database}.cubes.cells (name varchar, n bigint)")
    connection.execute(
        f"insert into {database}.cubes.cells select unnest(?), unnest(range({len(MARKERS)}))", [MARKERS]
    )
    # A view on what is not attached here, as the views on the store are.
    connection.execute("create schema memory.store")
    connection.execute("create table memory.store.events (token varchar)")
    connection.execute(f"create view {database}.cubes.events as from memory.store.events")
    connection.execute("drop schema memory.store cascade")
    connection.execute(f"checkpoint {database}")
    connection.execute(f"delete from {database}.cubes.cells where n % 3 = 0")
    connection.execute(f"update {database}.cubes.cells set name = 'kept-' || n where n % 3 = 1")
    connection.execute(f"delete from {database}.cubes.cells where n % 3 = 2")
    connection.execute(f"checkpoint {database}")


def survivors(path: Path) -> int:
    content = path.read_bytes()
    return sum(marker.encode() in content for marker in MARKERS)


@pytest.fixture
def built(home: Home, keyring: KeyRing) -> Home:
    """A home with an encrypted warehouse file out of which rows were deleted."""
    with open_warehouse_file(home, keyring=keyring, read_only=False) as connection:
        filled(connection, "warehouse")
        connection.execute("detach warehouse")
    return home


def contents(home: Home, keyring: KeyRing) -> list[tuple[object, ...]]:
    with open_warehouse_file(home, keyring=keyring) as connection:
        rows = connection.execute("from warehouse.cubes.cells order by all").fetchall()
        views = connection.execute(
            "select schema_name, view_name, sql from duckdb_views() where database_name = 'warehouse' "
            "and not internal order by all"
        ).fetchall()
    return [*rows, *views]


def test_deleted_markers_outlive_a_checkpoint_but_not_the_copy(tmp_path):
    # Not encrypted, so that the bytes can be looked at.
    with closing(duckdb.connect()) as connection:
        connection.execute(f"attach '{tmp_path / 'old.duckdb'}' as old")
        connection.execute(f"attach '{tmp_path / 'new.duckdb'}' as new")
        filled(connection, "old")
        copy_database(connection, "old", "new")
        connection.execute("detach old")
        connection.execute("detach new")

    assert survivors(tmp_path / "old.duckdb") > len(MARKERS) / 4
    assert survivors(tmp_path / "new.duckdb") == 0


def test_a_rewrite_keeps_what_queries_see_and_nothing_else(built, keyring):
    before, old = contents(built, keyring), built.warehouse_path.read_bytes()

    rewrite(built, keyring=keyring)

    new = built.warehouse_path.read_bytes()
    assert contents(built, keyring) == before
    with open_warehouse_file(built, keyring=keyring) as connection:
        free = connection.execute(
            "select free_blocks from pragma_database_size() where database_name = 'warehouse'"
        ).fetchone()
    assert free == (0,)
    assert not pieces(old) & pieces(new)
    assert beside(built) == []


def pieces(content: bytes) -> set[bytes]:
    """Every 64 bytes of a file, without what is empty and the one header that no two files differ in."""
    return {content[at : at + 64] for at in range(4096, len(content), 64)} - {bytes(64)}


def beside(home: Home) -> list[str]:
    return sorted(
        p.name for p in home.data.iterdir() if "warehouse.duckdb" in p.name and p != home.warehouse_path
    )


def test_what_a_killed_build_left_in_the_log_comes_along_and_the_log_goes(built, keyring):
    killed(built, "", after="connection.execute(\"insert into warehouse.cubes.cells values ('late', -1)\")")
    assert beside(built) == ["warehouse.duckdb.wal"]

    rewrite(built, keyring=keyring)

    assert contents(built, keyring)[0] == ("kept-1", 1)
    assert ("late", -1) in contents(built, keyring)
    assert beside(built) == []


def test_only_a_file_that_changed_needs_a_rewrite(home, keyring, ledger):
    assert not needs_rewrite(home, ledger)
    rewrite(home, keyring=keyring)
    assert not home.warehouse_path.exists()

    with open_warehouse_file(home, keyring=keyring, read_only=False) as connection:
        filled(connection, "warehouse")
    assert needs_rewrite(home, ledger)

    rewrite(home, keyring=keyring)
    contents(home, keyring)
    assert not needs_rewrite(home, ledger)

    with open_warehouse_file(home, keyring=keyring, read_only=False) as connection:
        connection.execute("delete from warehouse.cubes.cells where n = 1")
    assert needs_rewrite(home, ledger)


KILLS = {
    "before the copy": "connection_module.prepare",
    "before the copy is checked": "databases._contents",
    "before the copy is durable": "files.fsync_file",
    "before it takes the place": "files.Path.replace",
    "before its place is durable": "files.fsync_directory",
    "before it is noted": "databases.Ledger.set_value",
}


@pytest.mark.parametrize("point", KILLS)
def test_a_killed_rewrite_leaves_one_whole_file_and_the_next_run_ends_the_same(point, built, keyring):
    before = contents(built, keyring)

    killed(
        built,
        f"{KILLS[point]} = lambda *args, **kwargs: os._exit(7)",
        after="databases.rewrite(home, keyring=keyring)",
    )

    assert contents(built, keyring) == before
    remove_leftovers(built)
    assert beside(built) == []
    assert needs_rewrite(built, Ledger(built.ledger_path))
    rewrite(built, keyring=keyring)
    assert contents(built, keyring) == before
    assert not needs_rewrite(built, Ledger(built.ledger_path))


def killed(home: Home, patch: str, *, after: str) -> None:
    """Run something in a process of its own that ends without a word, where the patch says or at the end."""
    script = f"""
import os, sys
from pathlib import Path
from warehouse import files
from warehouse.store import connection as connection_module
from warehouse.home import Home
from warehouse.keys.keyring import KeyRing
from warehouse.retention import databases
from warehouse.store.session import attach_database
home = Home(Path({str(home.root)!r}))
keyring = KeyRing(home.keys)
connection = connection_module.connect(tmp=home.tmp)
if not {patch!r}:
    attach_database(connection, home.warehouse_path, alias="warehouse", keyring=keyring, read_only=False)
{patch}
{after}
os._exit(9)
"""
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
    assert ended.returncode == (7 if patch else 9)


def test_leftovers_of_a_rewrite_under_way_are_left_alone(built, keyring):
    path = built.warehouse_path
    path.with_name(f".{path.name}.0f.tmp").write_bytes(b"half")

    with warehouse_lock(built.locks, timeout_s=1):
        remove_leftovers(built)
        assert leftovers_of(path)
    remove_leftovers(built)

    assert not leftovers_of(path)


def test_a_file_that_cannot_be_copied_stays_as_it_is(built, keyring):
    content = bytearray(built.warehouse_path.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    built.warehouse_path.write_bytes(content)

    with pytest.raises(StoreError, match="could not be copied"):
        rewrite(built, keyring=keyring)

    assert built.warehouse_path.read_bytes() == bytes(content)
    assert beside(built) == []
