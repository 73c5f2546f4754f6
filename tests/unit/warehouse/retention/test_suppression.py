"""Suppression: what is kept of an erased token finds it again, and tells nothing without the key."""

from datetime import datetime

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from warehouse.retention import records
from warehouse.retention.rules import Erasure
from warehouse.retention.suppression import Suppressed, _kept, _sealed, suppress, suppressed

AS_OF = datetime(2026, 6, 1)
KEY = b"k" * 32
tokens = st.text("0123456789abcdef", min_size=32, max_size=32)


@given(st.lists(st.one_of(tokens, st.text(max_size=40)), max_size=8), st.lists(tokens, max_size=8))
def test_erased_tokens_are_found_among_others_and_no_others_are(erased, others):
    kept = [_kept(KEY, token, subject="contact") for token in erased]
    until = dict.fromkeys((blob[:16] for blob in kept), AS_OF)
    beginnings = frozenset(_sealed(KEY, blob[:16], blob[16:]).decode() for blob in kept)

    found = Suppressed(KEY, until, beginnings).find(
        pl.Series([*erased, *others], dtype=pl.String), subject="contact"
    )

    assert found == dict.fromkeys(erased, AS_OF)


@given(st.lists(tokens, min_size=1, max_size=8, unique=True))
def test_what_is_kept_tells_nothing_of_how_tokens_begin(erased):
    kept = [_kept(KEY, token, subject="contact")[16:] for token in erased]
    alike = [_kept(KEY, token[:8] + "f" * 24, subject="contact")[16:] for token in erased]

    assert not set(kept) & {token[:8].encode() for token in erased}
    # Tokens that begin alike do not look alike.
    assert all(a != b for a, b, t in zip(kept, alike, erased, strict=True) if t[8:] != "f" * 24)


def test_what_was_suppressed_is_read_back(ledger, keyring):
    erasure = Erasure("rq_x", "ws_a", "contact", frozenset({"a" * 32, "b" * 32}), until=AS_OF)
    with ledger.transaction() as connection:
        key = records.subject_key(keyring)
        suppress(connection, [erasure], keyring=keyring, subject_key=key, as_of=AS_OF)

    known = suppressed(ledger, keyring, ["ws_a", "ws_b"])

    assert set(known) == {"ws_a"}
    assert known["ws_a"].beginnings == {"a" * 8, "b" * 8}
    asked = pl.Series(["a" * 32, "a" * 31 + "c", "c" * 32])
    assert known["ws_a"].find(asked, subject="contact") == {"a" * 32: AS_OF}
    assert known["ws_a"].find(asked, subject="member") == {}
