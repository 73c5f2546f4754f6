"""Restore in scrubbed texts what many contacts got alike (`mode: template` in a contract).

Rows whose scrubbed texts are equal are of one template. If enough contacts got it, what a mask hides in all
of its texts alike is the template's own (a brand, the street of a shop) and is restored. All else stays as it
was scrubbed, and so do texts whose masks do not agree.
"""

import re
from collections.abc import Mapping, Sequence

import polars as pl

from anonymizers.text.decoded import decode
from anonymizers.text.release_rule import Kind
from anonymizers.text.scrubber import Mask, TextScrubber, masked_texts, scrubbed
from anonymizers.unicode import without_format_characters

_NUMBER = f"<{Kind.NUMBER.name}>"
# What the release rule masked for want of knowledge; what a recognizer found is never restored.
_DOUBTS = frozenset({_NUMBER, *(f"<{kind.name}>" for kind in (Kind.WORD, Kind.NAME, Kind.PLACE))})
_MOST_DIGITS = 4
_ANY_MASK = r"(<[A-Z][A-Z0-9_]*>)"
# Most templates have nothing to restore, which the first few texts show: masks cost more than scrubbing.
_FIRST_TEXTS = 16


def templated(
    texts: pl.Series, *, units: pl.Series, workspaces: pl.Series, scrubber: TextScrubber, fewest: int
) -> pl.Series:
    """Scrub a column of texts, and restore what all texts of a template have in common.

    Args:
        texts: The n raw texts.
        units: The contact that got each, spelt alike if the same; null = nobody, not counted.
        workspaces: The workspace of each; no template is of two, and a row without a workspace is of none.
        scrubber: Masks what is personal.
        fewest: How many different contacts must have got a template.

    Returns:
        The n texts in the same order; null stays null.
    """
    safe = scrubbed(texts, scrubber=scrubber)
    rows = pl.DataFrame(
        {"workspace": workspaces, "unit": units, "text": texts, "safe": safe},
        schema_overrides={"workspace": pl.String, "text": pl.String, "safe": pl.String},
    )
    groups = (
        rows.filter(pl.col("workspace").is_not_null() & pl.col("safe").str.contains_any(sorted(_DOUBTS)))
        .group_by("workspace", "safe")
        .agg(pl.col("unit").drop_nulls().n_unique().alias("units"), pl.col("text").unique().alias("texts"))
        .filter(pl.col("units") >= fewest)
    )
    for some in (pl.col("texts").list.head(_FIRST_TEXTS), pl.col("texts")):
        templates = _templates(groups.select("safe", some), scrubber)
        groups = groups.with_columns(templates.alias("template")).filter(pl.col("template") != pl.col("safe"))
    restored = groups.select("workspace", "safe", "template")
    return (
        rows.join(restored, on=["workspace", "safe"], how="left", maintain_order="left")
        .select(pl.coalesce("template", "safe"))
        .to_series()
        .rename(texts.name)
    )


def _templates(groups: pl.DataFrame, scrubber: TextScrubber) -> pl.Series:
    """Return the template of each group of texts (`texts`) whose scrubbed text (`safe`) is the same."""
    masks = masked_texts(groups["texts"].explode().to_list(), scrubber=scrubber)
    templates = [_template(safe, texts, masks) for safe, texts in groups.iter_rows()]
    return pl.Series(templates, dtype=pl.String)


def _template(safe: str, texts: Sequence[str], masks: Mapping[str, Sequence[Mask] | None]) -> str:
    """Return ``safe`` with what its masks hide in all texts alike; unchanged if their masks do not agree."""
    hidden: list[set[str]] = []
    shape: tuple[list[str], list[str]] | None = None
    for text in texts:
        found = masks[text]
        if found is None:
            return safe
        if shape is None:
            shape, hidden = _shape(text, found), [set() for _ in found]
        if _shape(text, found) != shape:
            return safe
        for mask, contents in zip(found, hidden, strict=True):
            contents.add(text[mask.start : mask.end])
    if shape is None:
        return safe
    kept, names = shape
    # `scrub` may have masked the canonical text, at other places than in these texts.
    slots = re.fullmatch(_ANY_MASK.join(map(re.escape, kept)), safe)
    if slots is None:
        return safe
    shown = [_shown(*place) for place in zip(slots.groups(), names, hidden, strict=True)]
    return kept[0] + "".join(part for pair in zip(shown, kept[1:], strict=True) for part in pair)


def _shape(text: str, masks: Sequence[Mask]) -> tuple[list[str], list[str]]:
    """Return the parts before, between and after n masks (n + 1), and the names of the masks."""
    starts, ends = [0, *(mask.end for mask in masks)], [*(mask.start for mask in masks), len(text)]
    kept = [without_format_characters(text[start:end]) for start, end in zip(starts, ends, strict=True)]
    return kept, [mask.name for mask in masks]


def _shown(slot: str, name: str, contents: set[str]) -> str:
    """Return what all texts hide at one place, if it may be restored; else the mask that `scrub` wrote."""
    if len(contents) != 1 or not {slot, name} <= _DOUBTS:
        return slot
    (content,) = contents
    is_long = sum(map(str.isdigit, content)) > _MOST_DIGITS
    # A number without digits is spelt as words, and may be of any length.
    is_spelt = _NUMBER in (slot, name) and any(map(str.isalpha, content))
    # Encoded text may hold whatever a recognizer found in what it decodes to.
    is_plain = decode(content).text == content
    return content if is_plain and not is_long and not is_spelt else slot
