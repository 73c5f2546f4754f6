"""The search for personal data in everything a run wrote: raw bytes in several spellings, and decoded."""

import base64
import gzip
import hashlib
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

import duckdb
import polars as pl
import tink
import zstandard
from tink import aead, secret_key_access
from tink.proto import aes_gcm_pb2, tink_pb2

from warehouse.home import Home
from warehouse.keys.keyring import KeyRing, Purpose
from warehouse.ledger.ledger import Ledger
from warehouse.store.connection import add_parquet_keys, connect, identifier, quoted
from warehouse.store.session import attach_database

PARQUET = Purpose.PARQUET
# Bytes as text, each of them one character.
_BYTES = "latin-1"
_SALT_AT = 124
_FIRST_BLOCK = 3 * 4096
_BLOCK_BYTES = 262_144


def find_leaks(home: Home, needles: Iterable[str], *, besides: Iterable[Path] = ()) -> list[str]:
    """Where any of the needles stands below a home: `kind of place: needle number`, never empty-handed.

    Args:
        needles: Personal data that must not be there; at least four characters each.
        besides: Directories that may hold it, e.g. an inbox that was kept.
    """
    wanted = list(needles)
    assert all(len(needle) >= 4 for needle in wanted), "a short needle is found anywhere"
    numbers = defaultdict(set)
    for number, needle in enumerate(wanted):
        for spelling in _spellings(needle):
            numbers[spelling.decode(_BYTES)].add(number)
    searched = pl.DataFrame(
        [(place, content.decode(_BYTES)) for place, content in _contents(home, tuple(besides))],
        schema=["place", "there"],
        orient="row",
    ).with_columns(pl.col("there").str.extract_many(list(numbers), overlapping=True).list.unique())
    # All spellings at once (Aho-Corasick): a search for each takes a hundred times as long.
    found = {
        f"{place}: needle {number}"
        for place, there in searched.rows()
        for text in there
        for number in numbers[text]
    }
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
    if home.warehouse_path.exists():
        yield "warehouse.duckdb (every block decrypted)", _blocks(home)


def _sqlite(path: Path) -> bytes:
    with closing(sqlite3.connect(path)) as connection:
        return "\n".join(connection.iterdump()).encode()


def _store(home: Home) -> Iterator[tuple[str, bytes]]:
    """Every file of the store that can still be decrypted: in sight, held, or waiting to be unlinked.

    Quarantine excepted: that is what it is for.
    """
    keyring, ledger = KeyRing(home.keys), Ledger(home.ledger_path)
    with closing(connect(tmp=home.tmp)) as connection:
        for row in ledger.read("select path, source, key_name from parts order by path"):
            path = home.data / row["path"]
            if row["source"] != "_quarantine" and path.exists() and keyring.has(PARQUET, row["key_name"]):
                add_parquet_keys(connection, keyring, [row["key_name"]])
                yield f"{row['source']} (decrypted)", decrypted(connection, path, row["key_name"])


def decrypted(connection: duckdb.DuckDBPyConnection, path: Path, key_name: str) -> bytes:
    """The rows of one store file whose key the connection has."""
    scan = f"read_parquet({quoted(str(path))}, encryption_config = {{footer_key: {quoted(key_name)}}})"
    return repr(connection.execute(f"from {scan}").fetchall()).encode()


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


def _blocks(home: Home) -> bytes:
    """Every block of the encrypted warehouse file, free ones too, which no query shows.

    As DuckDB 1.5 writes it: three headers of 4 kB, then blocks of a nonce (12 bytes), a tag (16), 4 bytes
    of padding and the rest under AES-256-GCM; the key is the SHA-256 of a salt in the first header and the
    key given. Strings stand in blocks as they are or in dictionaries; what FSST or ZSTD packed would not be
    seen, so the test that uses this shows that it finds what it looks for.
    """
    content = home.warehouse_path.read_bytes()
    given = base64.b64decode(KeyRing(home.keys).find(Purpose.DATABASE, "warehouse").hex())
    salt = content[_SALT_AT : _SALT_AT + 16]
    cipher = _cipher(hashlib.sha256(salt + given).digest())
    found = []
    for start in range(_FIRST_BLOCK, len(content), _BLOCK_BYTES):
        block = content[start : start + _BLOCK_BYTES]
        # Space that was never written, or the second half of a file that is being extended, is no block.
        with suppress(tink.TinkError):
            found.append(cipher.decrypt(block[:12] + block[32:] + block[12:28], b""))
    assert found, "no block could be decrypted: DuckDB writes them otherwise by now"
    return b"".join(found)


def _cipher(key: bytes) -> aead.Aead:
    aead.register()
    keyset = tink_pb2.Keyset(primary_key_id=1)
    entry = keyset.key.add(key_id=1, status=tink_pb2.ENABLED, output_prefix_type=tink_pb2.RAW)
    entry.key_data.type_url = "type.googleapis.com/google.crypto.tink.AesGcmKey"
    entry.key_data.value = aes_gcm_pb2.AesGcmKey(version=0, key_value=key).SerializeToString()
    entry.key_data.key_material_type = tink_pb2.KeyData.SYMMETRIC
    handle = tink.proto_keyset_format.parse(keyset.SerializeToString(), secret_key_access.TOKEN)
    return handle.primitive(aead.Aead)


def _tables(connection: duckdb.DuckDBPyConnection, database: str) -> Iterator[tuple[str, bytes]]:
    listed = connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = ?", [database]
    ).fetchall()
    for schema, table in listed:
        name = f"{identifier(database)}.{identifier(schema)}.{identifier(table)}"
        yield f"{database}.{schema}.{table}", repr(connection.execute(f"from {name}").fetchall()).encode()
