"""What stands for workspaces and campaigns in published tables: surrogates, the one place they are made."""

import hmac
from collections.abc import Iterable

from warehouse.keyring import KeyStore, Purpose

WORKSPACE = "workspace"
SURROGATE_HEX_DIGITS = 16


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
