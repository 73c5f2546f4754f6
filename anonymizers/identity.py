"""Spell identifiers of one person alike, so that they get the same token in every table."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import assert_never

import polars as pl

from anonymizers.email import normalise_emails
from anonymizers.phone import normalise_phones
from anonymizers.treatments import IdentityKind
from anonymizers.unicode import plain

# What stands in many rows and identifies nobody: a number without digits or of zeros alone (`n/a`, `0`), one
# that a spreadsheet shortened (`4.91511E+12`), an address without @ or with nothing on one side of it. A
# regular expression as RE2 and Rust know them. `33E95179` is an id in hexadecimal.
NO_IDENTITY: Mapping[IdentityKind, str] = MappingProxyType(
    {
        IdentityKind.PHONE: r"^(?:[\P{Nd}0]*|\s*[+-]?[0-9]+(?:[.,][0-9]*)?[eE][+-]?[0-9]+\s*)$",
        IdentityKind.EMAIL: "^(?:[^@\uff20\ufe6b]*"
        "|[^\\p{L}\\p{N}]*[@\uff20\ufe6b].*|.*[@\uff20\ufe6b][^\\p{L}\\p{N}]*)$",
        **dict.fromkeys(
            (IdentityKind.CONTACT, IdentityKind.MEMBER, IdentityKind.MESSAGE, IdentityKind.OUTBOX),
            r"^\s*[0-9](?:[.,][0-9]+)?[eE]\+[0-9]+\s*$",
        ),
    }
)
_NUMBER = "^(0[xX])?[0-9A-Fa-f]+$"
# More do not fit into 64 bits: such ids are no numbers but random.
_MOST_HEX_DIGITS = 16


def normalise(values: pl.Series, *, kind: IdentityKind, regions: pl.Series | None = None) -> pl.Series:
    """Spell identifiers of one kind alike.

    Args:
        values: n identifiers as they were received.
        kind: What they identify.
        regions: Of phone numbers: the country in which each may be written as it is dialled there.

    Returns:
        n values in the same order; null for null, for an empty identifier and for one by `NO_IDENTITY`,
        because a token for it would make one person of all who have none.
    """
    if kind in NO_IDENTITY:
        values = pl.select(pl.when(~values.str.contains(NO_IDENTITY[kind])).then(values)).to_series()
    match kind:
        case IdentityKind.PHONE:
            spelt = normalise_phones(values, regions)
        case IdentityKind.EMAIL:
            spelt = normalise_emails(values)
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
    """Fold case in full, as Python does; for ASCII that is lower case."""
    if not (texts.str.len_bytes() != texts.str.len_chars()).any():
        return texts.str.to_lowercase()
    return pl.Series(texts.name, [t if t is None else t.casefold() for t in texts], dtype=pl.String)
