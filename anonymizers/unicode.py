"""Remove from texts what a reader does not see: characters of no width, other forms of letters."""

import re
import unicodedata

import polars as pl

# Cf: zero-width joiners, direction marks, soft hyphen; variation selectors are Mn but as invisible.
# They let one text pass for another, and split a number in two.
FORMAT_CHARACTERS = (
    r"[\x{ad}\x{600}-\x{605}\x{61c}\x{180e}\x{200b}-\x{200f}\x{202a}-\x{202e}\x{2060}-\x{206f}"
    r"\x{fe00}-\x{fe0f}\x{feff}\x{fff9}-\x{fffb}\x{e0000}-\x{e0fff}]"
)
_FORMAT = re.compile(re.sub(r"\\x\{([0-9a-f]+)\}", lambda m: f"\\U{int(m[1], 16):08x}", FORMAT_CHARACTERS))


def without_format_characters(text: str) -> str:
    """Return the text without characters that have no width."""
    return _FORMAT.sub("", text)


def plain(texts: pl.Series) -> pl.Series:
    """Return the n texts in NFKC, without characters of no width, trimmed, in order; null stays null."""
    # Most columns are ASCII throughout, where this changes nothing but the ends.
    if not (texts.str.len_bytes() != texts.str.len_chars()).any():
        return texts.str.strip_chars()
    return texts.str.normalize("NFKC").str.replace_all(FORMAT_CHARACTERS, "").str.strip_chars()


def without_accents(text: str) -> str:
    """Return a text without accents; of letters of Latin alphabets each stays one character."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
