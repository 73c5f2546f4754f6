"""Attack by dictionary: look for a million phone numbers among everything that is published.

Numbers are few enough to try them all. Whatever stands for a contact without a key - the number, its last
digits, a hash of it, also cut short - is found like this.
"""

from collections.abc import Collection, Sequence

import duckdb
import numpy as np
import phonenumbers
import polars as pl
import polars_hash as plh

from pipelines.disclosure.attacks.finding import Attacked, Finding
from warehouse.store.connection import identifier

ATTACK = "dictionary"
TRIES = "Phone numbers, and their hashes, among all published texts"
NUMBERS = 1_000_000
# Published keys have 16 hex digits: what agrees in these is found, also if it was cut there.
_PREFIX = 16
_SHORTEST_NUMBER = 7
_HASHES = ("sha2_256", "sha2_512", "sha3_256", "blake3")
_SHORT_HASHES = ("md5", "sha1", "xxh3_64", "cityhash64", "farmhash64")


def numbers_of(countries: Collection[str], *, amount: int = NUMBERS) -> pl.Series:
    """Draw mobile numbers of some countries as digits with the calling code, which begin like real ones.

    Args:
        countries: ISO 3166-1 alpha-2; unknown ones are left out.
    """
    random = np.random.default_rng(1)
    mobile = phonenumbers.PhoneNumberType.MOBILE
    examples = [phonenumbers.example_number_for_type(c, mobile) for c in sorted(countries)]
    known = [f"{e.country_code}{e.national_number}" for e in examples if e is not None]
    each = -(-amount // max(len(known), 1))
    parts = []
    for example in known:
        free = min(len(example) - 4, 9)
        drawn = pl.Series(random.integers(0, 10**free, each)).cast(pl.String).str.zfill(free)
        parts.append(example[: len(example) - free] + drawn)
    return pl.concat(parts).head(amount) if parts else pl.Series([], dtype=pl.String)


def attack_with_dictionary(connection: duckdb.DuckDBPyConnection, numbers: pl.Series) -> Attacked:
    """Look for numbers, and for hashes of them, among all published texts.

    Args:
        connection: With the published copy attached as `warehouse`.
        numbers: Digits with the calling code.
    """
    texts = _texts(connection)
    forms = [numbers, "+" + numbers, "00" + numbers]
    strings = texts["text"]
    hexes = strings.str.to_lowercase().str.slice(0, _PREFIX)
    runs = strings.str.extract_all(rf"\d{{{_SHORTEST_NUMBER},}}")
    hits: set[str] = set()
    for form in forms:
        hashed = pl.DataFrame({"n": form})
        for name in _HASHES:
            hits |= _common(hashed.select(getattr(plh.col("n").chash, name)()).to_series(), hexes)
        for name in _SHORT_HASHES:
            digest = hashed.select(getattr(plh.col("n").nchash, name)().cast(pl.String)).to_series()
            hits |= _common(digest, hexes)
    numbered = _common(numbers, runs.list.explode().drop_nulls(), prefix=None)
    found = texts.filter(
        hexes.is_in(list(hits)) | runs.list.eval(pl.element().is_in(list(numbered))).list.any()
    )
    findings = [
        Finding(ATTACK, table, None, column, "stands for a phone number that anybody can compute", cells)
        for table, column, cells in found.group_by("table", "column")
        .len()
        .sort("table", "column")
        .iter_rows()
    ]
    return Attacked(ATTACK, TRIES, len(numbers), tuple(findings))


def _common(candidates: pl.Series, published: pl.Series, *, prefix: int | None = _PREFIX) -> set[str]:
    cut = candidates.str.slice(0, prefix) if prefix else candidates
    return set(published.filter(published.is_in(cut.implode())).to_list())


def _texts(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Return every text of every table, once: `table`, `column`, `text`."""
    columns: Sequence[tuple[str, str, str]] = connection.execute(
        "select schema_name, table_name, column_name from duckdb_columns() "
        "where database_name = 'warehouse' and data_type = 'VARCHAR' order by all"
    ).fetchall()
    frames = [
        connection.execute(
            f"select distinct '{table}' as \"table\", '{column}' as \"column\", {identifier(column)} as text "
            f"from warehouse.{identifier(schema)}.{identifier(table)} where {identifier(column)} is not null"
        ).pl()
        for schema, table, column in columns
    ]
    empty = pl.DataFrame(schema={"table": pl.String, "column": pl.String, "text": pl.String})
    return pl.concat([empty, *frames])
