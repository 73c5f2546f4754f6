"""What stands for workspaces and campaigns in published tables: surrogates, the one place they are made."""

import hmac
from collections.abc import Iterable, Mapping

import polars as pl

from anonymizers.tokens import Keyed
from pipelines.codegen.perturbation import NOISE_KEYS
from warehouse.keys.keyring import KeyStore, Purpose

WORKSPACE = "workspace"
SURROGATE_HEX_DIGITS = 16
# As in the censuses of the UK and Australia a cell's key is the sum of its records'. Its lowest byte looks
# the noise up; the 16 bits above spread the noise of sums to which people add more than one.
RECORD_KEYS = NOISE_KEYS << 16
_KEY_DIGITS = 6


def surrogate(key: bytes, kind: str, value: str) -> str:
    """The surrogate of a value: HMAC-SHA-256, 16 hex digits.

    Args:
        key: The workspace's own key for surrogates, which serves nothing else and dies with the account.
        kind: `workspace` or `campaign`; keeps equal ids of two kinds apart.
    """
    return hmac.digest(key, f"{kind}\x1f{value}".encode(), "sha256").hex()[:SURROGATE_HEX_DIGITS]


def workspace_keys_of(keyring: KeyStore, workspace_ids: Iterable[str]) -> list[str]:
    """The column `workspace_key` of some workspaces, in their order.

    Without those that have no key: nothing of them was ever published, or their key is destroyed. None is
    made, for it would outlive the account.
    """
    return [
        surrogate(keyring.find(Purpose.SURROGATE, each), WORKSPACE, each)
        for each in workspace_ids
        if keyring.has(Purpose.SURROGATE, each)
    ]


def record_keys(workspaces: pl.Series, units: pl.Series, *, keys: Mapping[str, bytes]) -> pl.Series:
    """Record keys of contacts or members for cell-key perturbation (Fraser & Wooton 2005).

    HMAC-SHA-256 under the workspace's key for surrogates, so that nobody without it can compute which noise
    a cell would have with or without a person. Never stored.

    Args:
        workspaces, units: Each row's workspace and pseudonym; none is null.
        keys: Workspace → key.

    Returns:
        Numbers 0..2^24 - 1, one per row in the same order.
    """
    messages = pl.select(pl.lit("record\x1f") + units).to_series()
    tokens = Keyed.of(workspaces, keys=keys).tokens(messages)
    return tokens.str.slice(0, _KEY_DIGITS).str.to_integer(base=16, dtype=pl.Int32)
