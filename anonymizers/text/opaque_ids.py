"""Tell opaque identifiers (hexadecimal, base64, letters mixed with digits) from words."""

import base64
import re

ID = "<ID>"

_WORD = re.compile(r"[A-Za-z0-9]+")
_TO_STANDARD_BASE64 = str.maketrans("-_", "+/")
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]+")
_SHORTEST_OPAQUE = 8


def is_opaque(text: str) -> bool:
    """Return whether a text is an identifier, or contains one, rather than words."""
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
    """Return whether a text is base64 of readable text; 1 in 300 words of eight letters is by chance."""
    decoded = base64_text(text)
    return decoded is not None and decoded.isprintable()


def base64_text(text: str) -> str | None:
    """Return the text that base64 of either alphabet (RFC 4648) encodes; None if it is no base64 of UTF-8."""
    standard = text.translate(_TO_STANDARD_BASE64).rstrip("=")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True).decode("utf-8")
    except ValueError:  # not ASCII, not base64, or not UTF-8
        return None
