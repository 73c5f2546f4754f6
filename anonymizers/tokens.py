"""Make pseudonyms (tokens): HMAC-SHA-256 (RFC 2104) with a key per workspace, for whole columns."""

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import polars as pl
import polars_hash as plh

from anonymizers.phone import USER_ID
from anonymizers.treatments import IdentityKind, KeyScope

PLATFORM = "_platform"
KEY_BYTES = 32
TOKEN_CHARACTERS = 32  # hexadecimal: 128 bits

# Separates the kind from the value; no kind contains it, so no value of one kind reads as another's.
_SEPARATOR = "\x1f"
_ID = "id"

# Where a value stands this often, hashing the distinct ones and joining back is faster: even at 5 rows per
# value, 1.4 times at 10, 3.7 times at 100; at 3 it is 0.6 times as fast (bench/anonymize.py).
_ROWS_PER_VALUE_THAT_PAY = 5
_ROWS_THAT_PAY = 10_000
# Fewer rows per key are hashed one by one in the time in which a column is handed to polars and back.
_ROWS_PER_KEY_THAT_PAY = 100


def token(value: str, *, kind: IdentityKind, key: bytes) -> str:
    """Return the token of one identifier, by the standard library alone; an erasure finds a person by it.

    `Keyed.tokens` must return the same.

    Args:
        value: The identifier, spelt as `anonymizers.identity.normalise` spells it.
        kind: What it identifies; the same value of two kinds has two tokens. A user id in a number's place
            has the token of the user id.
        key: At least 32 secret bytes.

    Returns:
        32 lower-case hexadecimal characters.
    """
    if kind is IdentityKind.PHONE and re.match(USER_ID, value):
        kind = IdentityKind.WHATSAPP_USER
    message = f"{kind.value}{_SEPARATOR}{value}"
    return _digest(message, key=key.hex())


def identity_messages(values: pl.Series, *, kind: IdentityKind) -> pl.Series:
    """Return what is hashed for each of n normalised identifiers, in order; null stays null.

    Providers and applications write a user id where they have no number: it is hashed as a user id.
    """
    of_kind = pl.lit(f"{kind.value}{_SEPARATOR}")
    if kind is IdentityKind.PHONE:
        of_user = pl.lit(f"{IdentityKind.WHATSAPP_USER.value}{_SEPARATOR}")
        of_kind = pl.when(values.str.contains(USER_ID)).then(of_user).otherwise(of_kind)
    return pl.select(of_kind + values).to_series()


def id_messages(parts: Sequence[pl.Series], *, source: str) -> pl.Series:
    """Return what is hashed for the id of each of n rows: its key columns, each after its length in bytes.

    With lengths, as in netstrings, `("a", "bc")` and `("ab", "c")` differ, and so do null and the empty text.

    Args:
        parts: The key columns, n values each.
        source: Name of the data set.

    Returns:
        n texts in order, never null.
    """
    encoded = [
        pl.when(part.is_null())
        .then(pl.lit("-"))
        .otherwise(pl.lit(part.str.len_bytes()).cast(pl.String) + ":" + pl.lit(part))
        for part in parts
    ]
    return pl.select(pl.concat_str(pl.lit(f"{_ID}{_SEPARATOR}{source}{_SEPARATOR}"), *encoded)).to_series()


@dataclass(frozen=True, slots=True)
class Keyed:
    """Hold the n rows of one batch ordered by workspace, so that columns are hashed with one key at a time.

    Attributes:
        order: The n row numbers, ordered by workspace.
        back: Position of each row in ``order``; None if all rows are of one workspace.
        runs: Key in hexadecimal (empty = none), first position and number of rows of each workspace.
        platform: The platform's key in hexadecimal; empty = none, because most plans need none.
    """

    order: pl.Series
    back: pl.Series | None
    runs: tuple[tuple[str, int, int], ...]
    platform: str

    @classmethod
    def of(cls, workspaces: pl.Series, *, keys: Mapping[str, bytes]) -> Self:
        """Order a batch by the workspace of each row; a workspace without messages to hash needs no key."""
        # Sorting positions in a list of workspaces is six times as fast as sorting their names.
        order = workspaces.cast(pl.Enum(workspaces.unique())).to_physical().arg_sort()
        runs, start = [], 0
        lengths = workspaces.gather(order).rle().struct.unnest()
        for workspace, length in lengths.select("value", "len").iter_rows():
            runs.append((keys.get(workspace, b"").hex(), start, length))
            start += length
        return cls(
            order=order,
            back=None if len(runs) <= 1 else order.arg_sort(),
            runs=tuple(runs),
            platform=keys.get(PLATFORM, b"").hex(),
        )

    def tokens(self, messages: pl.Series, *, scope: KeyScope = KeyScope.WORKSPACE) -> pl.Series:
        """Return the token of each of the n messages, made with its row's key, in order; null stays null.

        Raises:
            KeyError: A key that is needed was not given.
        """
        frame = messages.to_frame("message")
        if scope is KeyScope.PLATFORM:
            if not self.platform:
                raise KeyError(PLATFORM)
            return _hashed(frame, key=self.platform)["token"]
        if self.back is None:
            return _of_one(frame, key=self.runs[0][0])["token"] if self.runs else messages
        grouped = frame[self.order]
        if frame.height < _ROWS_PER_KEY_THAT_PAY * len(self.runs):
            messages_in_order = grouped["message"].to_list()
            some = [
                _token_of(message, key=key)
                for key, start, length in self.runs
                for message in messages_in_order[start : start + length]
            ]
            return pl.Series("token", some, dtype=pl.String).gather(self.back)
        parts = [_of_one(grouped.slice(start, length), key=key) for key, start, length in self.runs]
        # In one chunk: gathering from a thousand costs seven times as much.
        return pl.concat(parts, rechunk=True)["token"].gather(self.back)


def _digest(message: str, *, key: str) -> str:
    # polars-hash takes the key as text: its hexadecimal form, 64 bytes, is exactly one SHA-256 block.
    return hmac.digest(key.encode(), message.encode(), "sha256").hex()[:TOKEN_CHARACTERS]


def _token_of(message: str | None, *, key: str) -> str | None:
    """Do for one message what `_of_one` does for those of a workspace."""
    if message is None:
        return None
    if not key:
        raise KeyError("a workspace without a key")
    return _digest(message, key=key)


def _of_one(frame: pl.DataFrame, *, key: str) -> pl.DataFrame:
    """Hash the messages of one workspace; without a key, which would be no secret, all must be null."""
    if not key:
        if frame["message"].null_count() < frame.height:
            raise KeyError("a workspace without a key")
        return frame.rename({"message": "token"})
    return _hashed(frame, key=key)


def _hashed(frame: pl.DataFrame, *, key: str) -> pl.DataFrame:
    hashed = plh.col("message").chash.hmac_sha256(key=key).str.slice(0, TOKEN_CHARACTERS).alias("token")
    if frame.height >= _ROWS_THAT_PAY and _rows_per_value(frame) >= _ROWS_PER_VALUE_THAT_PAY:
        distinct = frame.unique().with_columns(hashed)
        return frame.join(distinct, on="message", how="left", maintain_order="left").select("token")
    return frame.select(hashed)


def _rows_per_value(frame: pl.DataFrame) -> float:
    return frame.height / max(1, int(frame.select(pl.col("message").approx_n_unique()).item()))
