"""Spell identifiers of one person alike, so that they get the same token in every table."""

from typing import assert_never

import polars as pl

from anonymizers.phone import normalise_phones
from anonymizers.treatments import IdentityKind
from anonymizers.unicode import plain


def normalise(values: pl.Series, *, kind: IdentityKind) -> pl.Series:
    """Spell identifiers of one kind alike.

    Args:
        values: n identifiers as they were received.
        kind: What they identify.

    Returns:
        n values in the same order; null for null and for an empty identifier, because a token for it would
        make one person of all who have none.
    """
    match kind:
        case IdentityKind.PHONE:
            spelt = normalise_phones(values)
        case IdentityKind.EMAIL:
            spelt = _casefold(plain(values))
        case IdentityKind.PAYER:
            spelt = _casefold(plain(values)).str.replace_all(r"\s+", " ")
        case IdentityKind.MESSAGE:
            # A wamid is base64: its case carries information, and nothing else in it may be touched.
            spelt = values.str.strip_chars()
        case (
            IdentityKind.WHATSAPP_USER
            | IdentityKind.CONTACT
            | IdentityKind.MEMBER
            | IdentityKind.CHANNEL
            | IdentityKind.CONVERSATION
            | IdentityKind.DEVICE
            | IdentityKind.SESSION
        ):
            spelt = plain(values)
        case _:
            assert_never(kind)
    return pl.select(pl.when(spelt != "").then(spelt)).to_series().rename(values.name)


def _casefold(texts: pl.Series) -> pl.Series:
    """Fold case in full, as Python does; for ASCII that is lower case."""
    if not (texts.str.len_bytes() != texts.str.len_chars()).any():
        return texts.str.to_lowercase()
    return pl.Series(texts.name, [t if t is None else t.casefold() for t in texts], dtype=pl.String)
