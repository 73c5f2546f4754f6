"""Count the SMS segments that a text takes (3GPP TS 23.038 and TS 23.040)."""

import polars as pl

from anonymizers.columns import filled

# TS 23.038, 6.2.1: the default alphabet, without its escape character.
GSM7_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# 6.2.1.1: reached by the escape character, so that each takes two septets.
GSM7_EXTENSION = "\f^{}\\[~]|€"

GSM7_SINGLE, GSM7_CONCATENATED = 160, 153  # septets
UCS2_SINGLE, UCS2_CONCATENATED = 70, 67  # UTF-16 code units


def _class(characters: str) -> str:
    return "[" + "".join(f"\\x{{{ord(c):x}}}" for c in characters) + "]"


_GSM7 = frozenset(GSM7_BASIC + GSM7_EXTENSION)
_ALL_GSM7 = f"^{_class(GSM7_BASIC + GSM7_EXTENSION)}*$"
_EXTENDED = _class(GSM7_EXTENSION)
_ASTRAL = r"[\x{10000}-\x{10ffff}]"


def segment_counts(texts: pl.Series) -> pl.Series:
    """Return how many segments each of the n texts takes, in order; 0 for an empty one, null for null.

    As gateways send it, a character that takes two units is not split between two segments.
    """
    frame = texts.to_frame("text").with_columns(gsm7=pl.col("text").str.contains(_ALL_GSM7))
    wide = pl.col("text").str.count_matches(
        pl.when("gsm7").then(pl.lit(_EXTENDED)).otherwise(pl.lit(_ASTRAL))
    )
    frame = frame.with_columns(wide=wide).with_columns(
        units=(pl.col("text").str.len_chars() + pl.col("wide")).cast(pl.Int64),
        single=pl.when("gsm7").then(GSM7_SINGLE).otherwise(UCS2_SINGLE).cast(pl.Int64),
        part=pl.when("gsm7").then(GSM7_CONCATENATED).otherwise(UCS2_CONCATENATED).cast(pl.Int64),
    )
    units, single, part = pl.col("units"), pl.col("single"), pl.col("part")
    counts = pl.when(units <= single).then((units > 0).cast(pl.Int64)).otherwise((units + part - 1) // part)
    # Only in long texts with characters of two units may the last unit of a segment stay unused.
    is_sure = (pl.col("wide") == 0) | (units <= single)
    return filled(frame.select(pl.when(is_sure).then(counts)).to_series(), texts, _packed).rename(texts.name)


def _packed(text: str) -> int:
    """Count segments by filling them one after another."""
    is_gsm7 = _GSM7.issuperset(text)
    part = GSM7_CONCATENATED if is_gsm7 else UCS2_CONCATENATED
    count, free = 1, part
    for character in text:
        units = 2 if (character in GSM7_EXTENSION if is_gsm7 else ord(character) > 0xFFFF) else 1
        if units > free:
            count, free = count + 1, part
        free -= units
    return count
