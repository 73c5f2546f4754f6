"""Make surrogates, the keys that stand for workspaces and campaigns in published tables."""

import hmac
from collections.abc import Iterable, Mapping
from functools import cache

import duckdb
import polars as pl
import pyarrow as pa
from duckdb.func import PythonUDFType
from duckdb.sqltypes import INTEGER, VARCHAR

from anonymizers.tokens import Keyed
from warehouse.keys.keyring import KeyStore, Purpose

WORKSPACE = "workspace"
SURROGATE_HEX_DIGITS = 16
# A cell's key is the sum of its records', of so many values: fine enough for steps of any size.
RECORD_KEYS = 1 << 24
_KEY_DIGITS = 6


def surrogate(key: bytes, kind: str, value: str) -> str:
    """Return the surrogate of a value: HMAC-SHA-256, 16 hex digits.

    Args:
        key: The workspace's own key for surrogates, which serves nothing else and dies with the account.
        kind: `workspace` or `campaign`; keeps equal ids of two kinds apart.
    """
    return hmac.digest(key, f"{kind}\x1f{value}".encode(), "sha256").hex()[:SURROGATE_HEX_DIGITS]


def workspace_keys_of(keyring: KeyStore, workspace_ids: Iterable[str]) -> list[str]:
    """Return the column `workspace_key` of some workspaces, in their order.

    Without those that have no key: nothing of them was ever published, or their key is destroyed. None is
    made, for it would outlive the account.
    """
    return [
        surrogate(keyring.find(Purpose.SURROGATE, each), WORKSPACE, each)
        for each in workspace_ids
        if keyring.has(Purpose.SURROGATE, each)
    ]


def record_keys(workspaces: pl.Series, units: pl.Series, *, keys: Mapping[str, bytes]) -> pl.Series:
    """Compute record keys of contacts or members, which decide how counts are rounded (Fraser & Wooton 2005).

    HMAC-SHA-256 under the workspace's key for surrogates, so that nobody without it can compute how a cell
    would be rounded with or without a person. Never stored.

    Args:
        workspaces, units: Each row's workspace and pseudonym; none is null.
        keys: Workspace → key.

    Returns:
        Numbers 0..2^24 - 1, one per row in the same order.
    """
    messages = pl.select(pl.lit("record\x1f") + units).to_series()
    tokens = Keyed.of(workspaces, keys=keys).tokens(messages)
    return tokens.str.slice(0, _KEY_DIGITS).str.to_integer(base=16, dtype=pl.Int32)


def register_surrogate(connection: duckdb.DuckDBPyConnection, keyring: KeyStore) -> None:
    """Define the SQL function `surrogate(workspace_id, kind, value)`; null where one of them is null.

    The result stands for a workspace or campaign in published tables (`surrogate`).
    """

    @cache
    def of_workspace(workspace_id: str, kind: str, value: str) -> str:
        return surrogate(keyring.get(Purpose.SURROGATE, workspace_id), kind, value)

    # Not of type Arrow: up to 1.5.5 at least, DuckDB lets go of the strings such a function returns before it
    # has read them (duckdb issue 20606). Called for each campaign of a slice, not for each message.
    connection.create_function(
        "surrogate", of_workspace, [VARCHAR, VARCHAR, VARCHAR], VARCHAR, type=PythonUDFType.NATIVE
    )


def register_record_key(connection: duckdb.DuckDBPyConnection, keyring: KeyStore) -> None:
    """Define the SQL function `record_key(workspace_id, token)`: 24 bits; see `record_keys`."""

    def of_units(workspaces: pa.ChunkedArray, units: pa.ChunkedArray) -> pa.Array:
        names, tokens = pl.Series(workspaces), pl.Series(units)
        keys = {name: keyring.get(Purpose.SURROGATE, name) for name in names.unique().to_list()}
        return record_keys(names, tokens, keys=keys).to_arrow()

    # Numbers come back whole from a function of type Arrow; 50 times as fast as one call per row.
    connection.create_function("record_key", of_units, [VARCHAR, VARCHAR], INTEGER, type=PythonUDFType.ARROW)
