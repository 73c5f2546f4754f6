"""How many SMS segments a text takes (3GPP TS 23.038 and TS 23.040)."""

import polars as pl

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


_ALL_GSM7 = f"^{_class(GSM7_BASIC + GSM7_EXTENSION)}*$"
_EXTENDED = _class(GSM7_EXTENSION)
_ASTRAL = r"[\x{10000}-\x{10ffff}]"


def segments(texts: pl.Series) -> pl.Series:
    """Segments of each text, in order; 0 for an empty one, null for null.

    A character that takes two units is not split between two segments, as gateways send it.
    """
    text = pl.col("text")
    frame = texts.rename("text").to_frame().with_columns(text.str.contains(_ALL_GSM7).alias("gsm7"))
    wide = text.str.count_matches(pl.when("gsm7").then(pl.lit(_EXTENDED)).otherwise(pl.lit(_ASTRAL)))
    frame = frame.with_columns(
        wide.alias("wide"),
        (text.str.len_chars() + wide).cast(pl.Int64).alias("units"),
        pl.when("gsm7").then(GSM7_SINGLE).otherwise(UCS2_SINGLE).cast(pl.Int64).alias("single"),
        pl.when("gsm7").then(GSM7_CONCATENATED).otherwise(UCS2_CONCATENATED).cast(pl.Int64).alias("part"),
    ).with_columns(
        pl.when(pl.col("units") == 0)
        .then(0)
        .when(pl.col("units") <= pl.col("single"))
        .then(1)
        .otherwise((pl.col("units") + pl.col("part") - 1) // pl.col("part"))
        .cast(pl.Int64)
        .alias("segments")
    )
    # Only long texts with characters of two units can waste the last place of a segment.
    packed = (
        frame.filter((pl.col("wide") > 0) & (pl.col("segments") > 1)).select("text", "gsm7", "part").unique()
    )
    if packed.height:
        counted = packed.select(
            "text", pl.Series("packed", [_packed(*row) for row in packed.iter_rows()], dtype=pl.Int64)
        )
        frame = frame.join(counted, on="text", how="left", maintain_order="left").with_columns(
            pl.coalesce("packed", "segments").alias("segments")
        )
    return frame["segments"].rename(texts.name)


def _packed(text: str, gsm7: bool, part: int) -> int:
    count, free = 1, part
    for character in text:
        units = 2 if (character in GSM7_EXTENSION if gsm7 else ord(character) > 0xFFFF) else 1
        if units > free:
            count, free = count + 1, part
        free -= units
    return count
