"""Count how many payers' workspaces used a word in a month, as keyed hashes, and release words by it.

Each month has a random key of its own, kept beside the other keys: nothing can be read without it, or
compared with another month. A month counts only from some time after its end, when nothing is added to it
any more, so that what it releases never changes; from then on, only what it releases is kept.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl
import polars_hash as plh

from warehouse.errors import KeyringError
from warehouse.keys.keyring import KeyRing, Purpose
from warehouse.ledger.ledger import Ledger

# As many hexadecimal characters as the pseudonyms have: 128 bits.
_HEX = 32
# Two hashes, binary.
ROW_BYTES = _HEX


@dataclass(frozen=True, slots=True)
class Enough:
    """Say when a word is released.

    Attributes:
        payers: Number of payers that must have used it in a month; more are not counted.
        months: Number of such months.
        days: Days since the end of a month before it counts.
        kept_days: Days since the end of a month until its counters are deleted.
    """

    payers: int
    months: int
    days: int
    kept_days: int


Counting = dict[str, tuple[str, pl.Series]]


def counting_months(ledger: Ledger, keyring: KeyRing, *, enough: Enough, as_of: date) -> Counting:
    """Return month → its key in hexadecimal and the hashes of the words that enough payers used in it.

    Only months that count on that day are returned. A month whose key is missing releases nothing.
    """
    found = {}
    for month in months_in(ledger):
        # A missing key must not be made.
        if is_counting(month, enough, as_of) and keyring.has(Purpose.WORDS, month):
            rows = ledger.read(
                "select word from word_counts where month = ? group by word having count(*) >= ?",
                *(month, enough.payers),
            )
            try:
                key = keyring.find(Purpose.WORDS, month).hex()
            except KeyringError:  # destroyed meanwhile, or of no use
                continue
            found[month] = (key, pl.Series([row["word"] for row in rows], dtype=pl.Binary))
    return found


def released(words: pl.Series, months: Counting, *, enough: Enough) -> pl.Series:
    """Return for each word whether enough months release it; as many values, in the same order."""
    hits = pl.Series([0], dtype=pl.Int64).new_from_index(0, len(words))
    for key, hashes in months.values():
        hits += _hashed(words, "word", key=key).is_in(hashes.implode()).cast(pl.Int64)
    return hits >= enough.months


def addition(
    uses: pl.DataFrame, keyring: KeyRing, *, enough: Enough, as_of: date
) -> Callable[[sqlite3.Connection, int], None]:
    """Return a function that records, in a transaction, the words payers used in the month of ``as_of``.

    Args:
        uses: `payer` (any text that stands for one) and `word`.
    """
    month = month_of(as_of)
    # The month's key is made with its first word.
    key = keyring.get(Purpose.WORDS, month).hex() if len(uses) else ""
    hashes = pl.DataFrame({name: _hashed(uses[name], name, key=key) for name in ("word", "payer")}).unique()

    def add(connection: sqlite3.Connection, _generation: int) -> None:
        connection.executemany(
            "insert or ignore into word_counts select ?, ?, ? "
            "where (select count(*) from word_counts where month = ? and word = ?) < ?",
            [(month, word, payer, month, word, enough.payers) for word, payer in hashes.iter_rows()],
        )

    return add


def month_of(day: date) -> str:
    """Return the month of a day, e.g. `2026-03`."""
    return f"{day:%Y-%m}"


def end_of(month: str) -> date:
    """Return the first day after a month."""
    first = date.fromisoformat(f"{month}-01")
    return (first + timedelta(days=31)).replace(day=1)


def _hashed(values: pl.Series, kind: str, *, key: str) -> pl.Series:
    """Return the HMAC-SHA-256 (RFC 2104) of values of one kind, 16 bytes each."""
    frame = pl.select(message=pl.lit(f"{kind}\x1f") + values.cast(pl.String))
    hashed = plh.col("message").chash.hmac_sha256(key=key)
    return frame.select(hashed.str.slice(0, _HEX).str.decode("hex")).to_series()


def months_in(ledger: Ledger) -> list[str]:
    """Return the months of which a word is counted, oldest first."""
    # One step of the index per month, however many rows there are.
    rows = ledger.read(
        "with recursive months (month) as (select min(month) from word_counts union all "
        "select (select min(month) from word_counts where month > months.month) from months "
        "where months.month is not null) select month from months where month is not null"
    )
    return [row["month"] for row in rows]


def rows_of(ledger: Ledger, month: str, *, rare: int | None) -> int:
    """Count the rows of a month; if ``rare`` is given, only of words that fewer payers used."""
    having = "" if rare is None else "having count(*) < ?"
    rows = ledger.read(
        "select coalesce(sum(payers), 0) as n from (select count(*) as payers from word_counts "
        f"where month = ? group by word {having})",
        *((month,) if rare is None else (month, rare)),
    )
    return int(rows[0]["n"])


def is_past(month: str, enough: Enough, as_of: date) -> bool:
    """Return whether a month has reached the end of its window."""
    return end_of(month) + timedelta(days=enough.kept_days) <= as_of


def is_counting(month: str, enough: Enough, as_of: date) -> bool:
    """Return whether a month releases words: it ended long enough ago, and is within its window."""
    return end_of(month) + timedelta(days=enough.days) <= as_of and not is_past(month, enough, as_of)
