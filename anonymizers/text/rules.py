"""Rules that need no model: what is masked before any detector looks, and what looks like an identifier."""

import base64
import binascii
import re
from collections.abc import Sequence

import polars as pl

from anonymizers.unicode import plain

NUMBER = "<NUMBER>"
ID = "<ID>"
EMAIL = "<EMAIL_ADDRESS>"

# In this order: an earlier rule's finding would be torn by a later one.
_RULES = (
    # wamid: base64 of a record that holds the recipient's number.
    (r"(?i)wamid\.[A-Za-z0-9+/=_\-]*", ID),
    (r"[^\s<>()\[\]\"',;:@]{1,256}[@＠][^\s<>()\[\]\"',;:@]{1,255}", EMAIL),
    (r"(?i)\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", ID),
    # Hexadecimal with a digit in it; words such as `facade` are left alone.
    (r"(?i)\b[a-f]*[0-9][0-9a-f]{7,}\b|\b[0-9a-f]{7,}[0-9][a-f]*\b", ID),
    # base64 and other keys: long and unbroken, or letters and digits in turns.
    (r"\b[A-Za-z0-9_\-+/]{32,}={0,2}", ID),
    (r"\b(?:[A-Za-z]+[0-9]+){2,}[A-Za-z]*\b", ID),
    # Three digits and more, also in groups: phone numbers, cards, dates, amounts alike.
    (r"\+?\p{Nd}(?:[ .\-/()\u{a0}\u{202f}]{0,2}\p{Nd}){2,}", NUMBER),
)

_WORD = re.compile(r"[A-Za-z0-9]+")
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]+")
_SHORTEST_OPAQUE = 8


def masked(texts: Sequence[str]) -> list[str]:
    """Normalise texts and mask what rules find; as many, in the same order."""
    series = plain(pl.Series(texts, dtype=pl.String))
    for pattern, placeholder in _RULES:
        series = series.str.replace_all(pattern, placeholder)
    return series.to_list()


def is_opaque(text: str) -> bool:
    """Whether a token reads as an identifier and not as words: hexadecimal, base64, letters mixed with digits."""
    return (
        any(_opaque_word(word) for word in _WORD.findall(text))
        or len(text) >= _SHORTEST_OPAQUE
        and _encodes_text(text)
    )


def _opaque_word(word: str) -> bool:
    if len(word) < _SHORTEST_OPAQUE:
        return False
    if not any(c.isdigit() for c in word):
        return _encodes_text(word)
    # `dashboard12` is a word with a number; a digit within, mixed case or hexadecimal is not.
    stem = word.rstrip("0123456789")
    return (
        not stem.isalpha()
        or not (stem.islower() or stem.istitle())
        or _HEXADECIMAL.fullmatch(word) is not None
    )


def _encodes_text(text: str) -> bool:
    """Whether it is base64 of readable text; by chance that befalls 1 in 300 words of eight letters."""
    try:
        decoded = base64.b64decode(
            text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True
        )
        readable = decoded.decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return False
    return readable.isprintable()
