"""One spelling per identity, so that the same person gets the same token wherever they stand."""

from typing import assert_never

import polars as pl

from anonymizers.phone import normalise_phones
from anonymizers.treatments import IdentityKind
from anonymizers.unicode import plain

_NUMBER = "^(0[xX])?[0-9A-Fa-f]+$"
# More do not fit into 64 bits: such ids are no numbers but random.
_MOST_HEX_DIGITS = 16


def normalise(values: pl.Series, *, kind: IdentityKind) -> pl.Series:
    """Spell identities of one kind alike.

    Args:
        values: Identifiers as strings, as they came.
        kind: What they identify.

    Returns:
        The same n values in the same order. Null where there is none: an empty identifier is not an
        identity, and a token for it would make one person of all who have none.
    """
    match kind:
        case IdentityKind.PHONE:
            spelt = normalise_phones(values)
        case IdentityKind.EMAIL:
            spelt = _casefold(plain(values))
        case IdentityKind.PAYER:
            spelt = _casefold(plain(values)).str.replace_all(r"\s+", " ")
        case IdentityKind.MESSAGE:
            spelt = _message_ids(values.str.strip_chars())
        case (
            IdentityKind.WHATSAPP_USER
            | IdentityKind.OUTBOX
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


def _message_ids(ids: pl.Series) -> pl.Series:
    """Message ids, numbers in decimal without leading zeros.

    An operator's response may write a number in hexadecimal and its receipt the same in decimal; where it has
    a letter, it is known to be hexadecimal. Whatever is no number stays: the case of a wamid, which is
    base64, carries information.
    """
    places = ids.str.contains(_NUMBER).fill_null(value=False).arg_true()
    if places.is_empty():
        return ids
    numbers = ids.gather(places)
    digits = pl.lit(numbers.str.replace("^(0[xX])?0*", ""))
    is_short = digits.str.len_bytes() <= _MOST_HEX_DIGITS
    hexadecimal = pl.when(is_short).then(digits).str.to_integer(base=16, dtype=pl.UInt64, strict=False)
    spelt = (
        pl.when(digits == "")
        .then(pl.lit("0"))
        .when(pl.lit(numbers).str.contains("^[0-9]+$"))
        .then(digits)
        .otherwise(pl.coalesce(hexadecimal.cast(pl.String), numbers))
    )
    return ids.scatter(places, pl.select(spelt).to_series())


def _casefold(texts: pl.Series) -> pl.Series:
    """Python's full case folding; where all is ASCII that is lower case."""
    if not (texts.str.len_bytes() != texts.str.len_chars()).any():
        return texts.str.to_lowercase()
    return pl.Series(texts.name, [t if t is None else t.casefold() for t in texts], dtype=pl.String)
