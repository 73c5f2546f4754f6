r"""Decode texts to what a person would read, and keep where each character stands in the original.

Personal data hides behind encodings: `%40`, `&#64;`, `\u0040`, base64, full-width digits, characters without
width. Recognizers read the decoded text; what they find is masked in the original.
"""

import html
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

import polars as pl
import regex  # type: ignore[import-untyped]

from anonymizers.text.opaque_ids import base64_text
from anonymizers.unicode import FORMAT_CHARACTERS, without_format_characters

# Encoded twice is common (a URL in a URL); deeper is an attempt to hide: what is left is masked as unknown.
_ROUNDS = 2
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_ESCAPE = re.compile(r"(?:\\u[0-9A-Fa-f]{4})+|\\x[0-9A-Fa-f]{2}|\\[\"/nrt]")
# Markup within a word, as of `A<b>nn</b>a`; other elements stand between words.
_MARKUP = re.compile(
    r"<!--[^<>]{0,200}-->|</?(?:b|i|u|s|em|strong|span|font|small|sub|sup|mark|wbr)(?:\s[^<>]{0,200})?/?>",
    re.IGNORECASE,
)
# Base64 has digits, capitals within or padding; words of letters alone are left to the release rule.
_B = r"A-Za-z0-9+/_\-"
_BASE64 = re.compile(
    rf"(?<![{_B}=])(?=[0-9]*[A-Za-z+/_\-])(?=[A-Za-z+/_\-]*(?:[0-9=]|[a-z][A-Z]))"
    rf"[{_B}]{{8,}}={{0,2}}(?![{_B}=])"
)
# A character that is not ASCII, or one with the marks that belong to it.
_CLUSTER = regex.compile(r"[^\x00-\x7f]\p{M}*|.\p{M}+", regex.DOTALL)
# Digits in circles and the like, and numerals of other scripts, which are no decimal digits.
_NUMERAL = regex.compile(r"[\p{No}\p{Nl}]")
# Signs that stand for letters and digits: raised, in boxes and circles, in braille, on dominoes and cards, as
# three or more halves of flags; and letters with characters of no width between, twice or more. Nobody writes
# so for another reason, so each is read as a letter of no word.
_SIGNS = "\U0001f030-\U0001f0ff\U0001f130-\U0001f189\u2801-\u28ff\u1d2c-\u1d6a\u02b0-\u02b8"
_FLAGS = "\U0001f1e6-\U0001f1ff"
_BETWEEN = "\u200b-\u200f\u2060-\u2064\u034f\u115f\u1160"
_DISGUISED = rf"[{_SIGNS}]|[{_FLAGS}]{{3,}}|(?:\p{{L}}[{_BETWEEN}]+){{2,}}\p{{L}}"
_DISGUISE = regex.compile(_DISGUISED)
_LETTER_OF_NO_WORD = "\u01c2"
# What decoders put where a number is that of no character: it is a number, then, and is masked as one.
_NO_CHARACTER = "\ufffd"
_CONTROLS = {r"\n": "\n", r"\r": "\r", r"\t": "\t"}

_MAYBE_ENCODED = (
    r"%[0-9A-Fa-f]{2}|&(?:#[0-9]|#[xX][0-9A-Fa-f]|[A-Za-z][A-Za-z0-9]{1,31};)"
    r"|\\(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[\"/nrt])"
    rf"|</?[A-Za-z]|<!--|[{_B}]{{3,}}=|[a-z][A-Z]|[A-Za-z+/_\-][0-9]|[0-9][A-Za-z+/_\-]"
)


@dataclass(frozen=True, slots=True)
class DecodedText:
    """Hold a decoded text of n characters and where each of them comes from.

    Attributes:
        text: The text, decoded, in Unicode's NFKC, without characters of no width.
        starts: Where in the original each of the n characters begins; several may begin at one position.
        ends: Where in the original each of them ends.
    """

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def decoded_range(self, start: int, end: int) -> tuple[int, int]:
        """Return start and end in the decoded text of a part of the original; no range if start >= end.

        A range that begins or ends within a separator is extended to all of it.
        """
        begin, stop = bisect_right(self.ends, start), bisect_left(self.starts, end)
        while 0 < begin < stop and not (self.text[begin].isalnum() or self.text[begin - 1].isalnum()):
            begin -= 1
        while begin < stop < len(self.text) and not (
            self.text[stop].isalnum() or self.text[stop - 1].isalnum()
        ):
            stop += 1
        return begin, stop

    def original_range(self, start: int, end: int) -> tuple[int, int]:
        """Return where in the original a part of the decoded text, not empty, comes from: start and end."""
        return min(self.starts[start:end]), max(self.ends[start:end])


def may_be_encoded(texts: pl.Series) -> pl.Series:
    """Return whether each text may differ from its decoded text; where False, it surely does not."""
    encoded = texts.str.contains(_MAYBE_ENCODED)
    if not (texts.str.len_bytes() != texts.str.len_chars()).any():
        return encoded
    normal = texts.str.normalize("NFKC").str.replace_all(FORMAT_CHARACTERS, "")
    return encoded | (normal != texts) | texts.str.contains(rf"[\p{{No}}\p{{Nl}}]|{_DISGUISED}")


def decode(text: str) -> DecodedText:
    """Decode a text, twice where it is encoded twice; takes time in proportion to its length."""
    decoded = DecodedText(text, range(len(text)), range(1, len(text) + 1))
    for _ in range(_ROUNDS):
        before = decoded.text
        for sign, pattern, decoder in _DECODERS:
            if sign in decoded.text:
                decoded = _replaced(decoded, pattern, decoder)
        if decoded.text == before:
            break
    if decoded.text.isascii():
        return decoded
    return _replaced(_replaced(decoded, _DISGUISE, _no_word), _CLUSTER, _normal)


def _replaced(source: DecodedText, pattern: Any, decoder: Callable[[Any], str]) -> DecodedText:
    """Replace each match by what it decodes to; characters keep positions of their own if each has one."""
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    position = 0
    for match in pattern.finditer(source.text):
        decoded = decoder(match)
        if decoded == match[0]:
            continue
        begin, end = match.span()
        parts += [source.text[position:begin], decoded]
        starts += source.starts[position:begin]
        ends += source.ends[position:begin]
        width, rest = divmod(end - begin, max(len(decoded), 1))
        if decoded and rest == 0 and width in (3, 6):  # one `%41` or `\u0041` for each character
            for at in range(begin, end, width):
                starts.append(source.starts[at])
                ends.append(source.ends[at + width - 1])
        else:
            starts += [source.starts[begin]] * len(decoded)
            ends += [source.ends[end - 1]] * len(decoded)
        position = end
    if not parts:
        return source
    parts.append(source.text[position:])
    return DecodedText("".join(parts), [*starts, *source.starts[position:]], [*ends, *source.ends[position:]])


def _from_percent(match: re.Match[str]) -> str:
    encoded = unquote_to_bytes(match[0])
    try:
        return encoded.decode()
    except UnicodeDecodeError:  # of an old page; whatever its letters were, they are letters
        return encoded.decode("latin-1")


def _from_entity(match: re.Match[str]) -> str:
    character = html.unescape(match[0])
    return match[0] if character == _NO_CHARACTER else character


def _from_escape(match: re.Match[str]) -> str:
    escape = match[0]
    if escape.startswith("\\u"):
        units = b"".join(int(unit, 16).to_bytes(2, "big") for unit in escape.split("\\u")[1:])
        decoded = units.decode("utf-16-be", errors="replace")
        return escape if _NO_CHARACTER in decoded else decoded
    if escape.startswith("\\x"):
        return bytes.fromhex(escape.removeprefix("\\x")).decode("latin-1")
    return _CONTROLS.get(escape, escape[1])


def _from_base64(match: re.Match[str]) -> str:
    """Return the readable text that is encoded, or the match itself if there is none."""
    decoded = base64_text(match[0])
    if decoded is None:
        return match[0]
    # By chance eight letters decode to readable ASCII once in 30 times, to words hardly ever.
    legible = sum(c.isascii() and (c.isalnum() or c == " ") for c in decoded)
    return decoded if decoded.isprintable() and legible * 4 >= len(decoded) * 3 else match[0]


# What a text must have for there to be anything to decode, where to find it, and how to decode it.
_DECODERS: tuple[tuple[str, Any, Callable[[Any], str]], ...] = (
    ("%", _PERCENT, _from_percent),
    ("&", _ENTITY, _from_entity),
    ("\\", _ESCAPE, _from_escape),
    ("<", _MARKUP, lambda _: ""),
    ("", _BASE64, _from_base64),
)


def _no_word(match: regex.Match[str]) -> str:
    return _LETTER_OF_NO_WORD * len(match[0])


def _normal(match: regex.Match[str]) -> str:
    """Return the NFKC without characters of no width, and digits for those in circles that NFKC leaves."""
    cluster = without_format_characters(unicodedata.normalize("NFKC", match[0]))
    plain: str = _NUMERAL.sub(_digit, cluster)
    return plain


def _digit(match: regex.Match[str]) -> str:
    value = unicodedata.digit(match[0], unicodedata.numeric(match[0], None))
    return match[0] if value is None else f"{value:g}"
