"""Find the quarantined records that name a person: raw text, which does not say whose it is."""

from collections.abc import Mapping
from typing import cast

import polars as pl

from anonymizers.identity import normalise
from anonymizers.tokens import token
from anonymizers.treatments import IdentityKind
from pipelines.sources.quarantined import raw_records
from pipelines.windows.inputs import QUARANTINE
from warehouse.store.reading import read_parts
from warehouse.store.store import Store

# What may be an identifier, by its form; shorter ids ("c1") stand in too many records for another reason.
_WORD = r"[^\s\"'<>(){}\[\],;=&?]{6,}"
_CANDIDATES: Mapping[IdentityKind, str] = {
    IdentityKind.PHONE: r"\+?\d[\d\s()./-]{4,}\d",
    IdentityKind.EMAIL: r"[^\s\"'<>(){}\[\],;:=&?]+@[^\s\"'<>(){}\[\],;:=&?]+",
    IdentityKind.WHATSAPP_USER: r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}",
    IdentityKind.CONTACT: _WORD,
    IdentityKind.MEMBER: _WORD,
    IdentityKind.MESSAGE: _WORD,
}


def quarantined(store: Store) -> pl.DataFrame:
    """Return every quarantined record as text: batch_id, record, text; n rows, mostly few."""
    found = [pl.DataFrame(schema={"batch_id": pl.String, "record": pl.Int64, "text": pl.String})]
    for part in store.ledger.live_parts(QUARANTINE):
        rows = cast("pl.DataFrame", pl.from_arrow(read_parts(store.home, engine=store.engine, parts=[part])))
        raw = raw_records(rows)
        texts = [_text(payload) for payload in raw["payload"].to_list()]
        found.append(
            raw.select("batch_id", pl.col("record").cast(pl.Int64), text=pl.Series(texts, dtype=pl.String))
        )
    return pl.concat(found)


def raw_tokens(raw: pl.DataFrame, *, key: bytes, region: str | None) -> pl.DataFrame:
    """Return which tokens of a workspace stand in raw records, in any spelling.

    Every text that may be an identifier is made a token, as a column is.

    Args:
        raw: As `quarantined` gives it.
        key: Of the workspace.
        region: Country in which numbers may be written as they are dialled there.

    Returns:
        batch_id, record, token; a row per text that may be an identifier.
    """
    return pl.concat(_tokens(raw, kind, form, key, region) for kind, form in _CANDIDATES.items())


def records_naming(named: pl.DataFrame, tokens: frozenset[str]) -> frozenset[tuple[str, str]]:
    """Return batch and number of the records in which one of some tokens stands.

    Args:
        named: As `raw_tokens` gives it.
    """
    found = named.filter(pl.col("token").is_in(list(tokens)))
    return frozenset(found.select("batch_id", pl.col("record").cast(pl.String)).iter_rows())


def _tokens(raw: pl.DataFrame, kind: IdentityKind, form: str, key: bytes, region: str | None) -> pl.DataFrame:
    words = raw.select("batch_id", "record", word=pl.col("text").str.extract_all(form)).explode("word")
    words = words.drop_nulls("word").unique()
    regions = pl.repeat(region, n=words.height, dtype=pl.String, eager=True)
    spelt = normalise(words["word"], kind=kind, regions=regions)
    tokens = [value and token(value, kind=kind, key=key) for value in spelt.to_list()]
    return words.select("batch_id", "record", token=pl.Series(tokens, dtype=pl.String)).drop_nulls()


def _text(payload: bytes) -> str:
    """Return a record as text; half of UTF-16 is null bytes, which say nothing more."""
    return payload.replace(b"\0", b"").decode("utf-8", errors="replace")
