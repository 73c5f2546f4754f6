"""The search for personal data in everything a run wrote: raw bytes in several spellings, and decoded."""

import base64
import gzip
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import duckdb
import zstandard

from warehouse.connection import add_parquet_keys, connect, identifier
from warehouse.home import Home
from warehouse.keyring import KeyRing
from warehouse.ledger import Ledger
from warehouse.session import attach_database
from warehouse.views import raw_scan


def find_leaks(home: Home, needles: Iterable[str], *, besides: Iterable[Path] = ()) -> list[str]:
    """Where any of the needles stands below a home: `kind of place: needle number`, never empty-handed.

    Args:
        needles: Personal data that must not be there; at least four characters each.
        besides: Directories that may hold it, e.g. an inbox that was kept.
    """
    wanted = list(needles)
    assert all(len(needle) >= 4 for needle in wanted), "a short needle is found anywhere"
    spelt = [(number, spelling) for number, needle in enumerate(wanted) for spelling in _spellings(needle)]
    found = set()
    for place, content in _contents(home, tuple(besides)):
        found.update(f"{place}: needle {number}" for number, spelling in spelt if spelling in content)
    return sorted(found)


def _spellings(needle: str) -> set[bytes]:
    raw = needle.encode()
    digits = "".join(c for c in needle if c.isdigit())
    spellings = {raw, needle.encode("utf-16-le"), quote(needle, safe="").encode(), raw.hex().encode()}
    # base64 depends on where in the text the needle begins; its inner characters do not.
    spellings |= {base64.b64encode(b"\0" * shift + raw)[(4 if shift else 0) : -4] for shift in range(3)}
    if len(digits) >= 7:
        spellings.add(digits.encode())
    return {spelling for spelling in spellings if len(spelling) >= 4}


def _contents(home: Home, besides: tuple[Path, ...]) -> Iterator[tuple[str, bytes]]:
    for path in sorted(home.root.rglob("*")):
        if not path.is_file() or any(path.is_relative_to(directory) for directory in besides):
            continue
        name = str(path.relative_to(home.root))
        yield name, name.encode()
        content = path.read_bytes()
        yield name, content
        if content[:2] == b"\x1f\x8b":
            yield f"{name} (gunzipped)", gzip.decompress(content)
        if content[:4] == b"\x28\xb5\x2f\xfd":
            yield f"{name} (decompressed)", zstandard.ZstdDecompressor().decompressobj().decompress(content)
        if content[:15] == b"SQLite format 3":
            yield f"{name} (decoded)", _sqlite(path)
    yield from _store(home)
    yield from _duckdb_files(home)


def _sqlite(path: Path) -> bytes:
    with closing(sqlite3.connect(path)) as connection:
        return "\n".join(connection.iterdump()).encode()


def _store(home: Home) -> Iterator[tuple[str, bytes]]:
    """Every file of the store decrypted, quarantine excepted: that is what it is for."""
    connection = connect(tmp=home.tmp)
    with closing(connection):
        for part in Ledger(home.ledger_path).live_parts():
            if part.source == "_quarantine":
                continue
            add_parquet_keys(connection, KeyRing(home.keys), [part.key_name])
            rows = connection.execute(raw_scan([part], data=home.data)).fetchall()
            yield f"{part.source} (decrypted)", repr(rows).encode()


def _duckdb_files(home: Home) -> Iterator[tuple[str, bytes]]:
    connection = connect(tmp=home.tmp)
    with closing(connection):
        if home.warehouse_path.exists():
            attach_database(
                connection, home.warehouse_path, alias="warehouse", keyring=KeyRing(home.keys), read_only=True
            )
            yield from _tables(connection, "warehouse")
        if home.published_path.exists():
            connection.execute(f"attach '{home.published_path}' as published (read_only)")
            yield from _tables(connection, "published")


def _tables(connection: duckdb.DuckDBPyConnection, database: str) -> Iterator[tuple[str, bytes]]:
    listed = connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = ?", [database]
    ).fetchall()
    for schema, table in listed:
        name = f"{identifier(database)}.{identifier(schema)}.{identifier(table)}"
        yield f"{database}.{schema}.{table}", repr(connection.execute(f"from {name}").fetchall()).encode()
