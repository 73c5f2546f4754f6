"""Rules that need no model: what is masked before any detector looks, and what looks like an identifier."""

import base64
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
    (r"\b[A-Za-z0-9_\-+/]{32,}={0,2}", ID),
)

# Three digits and more, also in groups: phone numbers, cards, dates, amounts alike.
_DIGITS = r"\+?\p{Nd}(?:[ .\-/()\u{a0}\u{202f}]{0,2}\p{Nd}){2,}"
_TOKEN = re.compile(r"(?<![<A-Za-z0-9])[A-Za-z0-9_+/=-]{8,}(?![A-Za-z0-9]*>)")
_WORD = re.compile(r"[A-Za-z0-9]+")
_TO_STANDARD_BASE64 = str.maketrans("-_", "+/")
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]+")
_SHORTEST_OPAQUE = 8


def masked(texts: Sequence[str]) -> list[str]:
    """Normalise texts and mask what rules find; as many, in the same order."""
    series = plain(pl.Series(texts, dtype=pl.String))
    for pattern, placeholder in _RULES:
        series = series.str.replace_all(pattern, placeholder)
    # Before digits are masked, which would leave the letters between them.
    opaque = pl.Series([_TOKEN.sub(_without_id, text) for text in series], dtype=pl.String)
    return opaque.str.replace_all(_DIGITS, NUMBER).to_list()


def _without_id(token: re.Match[str]) -> str:
    return ID if is_opaque(token[0]) and not token[0].isdecimal() else token[0]


def is_opaque(text: str) -> bool:
    """Whether a token is an identifier rather than words: hexadecimal, base64, letters mixed with digits."""
    if len(text) < _SHORTEST_OPAQUE:
        return False
    return any(map(_opaque_word, _WORD.findall(text))) or _encodes_text(text)


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
    standard = text.translate(_TO_STANDARD_BASE64).rstrip("=")
    try:
        decoded = base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True).decode("utf-8")
    except ValueError:  # not ASCII, not base64, or not UTF-8
        return False
    return decoded.isprintable()
