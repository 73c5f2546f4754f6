"""Texts reduced to their templates: what many contacts got alike stays, what was merged in does not.

Rows whose scrubbed texts are the same are of one template. Where enough contacts got it, what a mask hides in
all of them alike is the template's own (a brand, a shop's street) and is given back. Anything else, and texts
whose masks do not agree, stay as they were scrubbed.
"""

import re
from collections.abc import Mapping, Sequence

import polars as pl

from anonymizers.text.decoded import read
from anonymizers.text.release_rule import Kind
from anonymizers.text.scrubber import Mask, TextScrubber, masked_texts, scrubbed
from anonymizers.unicode import without_format_characters

_NUMBER = f"<{Kind.NUMBER.name}>"
# What the vocabulary masked for want of knowledge; what a recognizer found is never given back.
_DOUBTS = frozenset({_NUMBER, *(f"<{kind.name}>" for kind in (Kind.WORD, Kind.NAME, Kind.PLACE))})
_MOST_DIGITS = 4
_ANY_MASK = r"(<[A-Z][A-Z0-9_]*>)"
# Most templates have nothing to give back, which the first few texts show: masks cost more than scrubbing.
_FIRST_TEXTS = 16


def templated(
    texts: pl.Series, *, units: pl.Series, workspaces: pl.Series, scrubber: TextScrubber, fewest: int
) -> pl.Series:
    """Scrub a column, and give back what all texts of a template hide alike.

    Args:
        texts: The raw texts.
        units: The contact of each, all spellings of one alike; null = nobody, who does not count.
        workspaces: The workspace of each; templates of two are two, and a row without one is of none.
        scrubber: Masks what is personal.
        fewest: How many different contacts must have got a template.

    Returns:
        The same n texts in the same order; null stays null.
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
    given_back = groups.select("workspace", "safe", "template")
    return (
        rows.join(given_back, on=["workspace", "safe"], how="left", maintain_order="left")
        .select(pl.coalesce("template", "safe"))
        .to_series()
        .rename(texts.name)
    )


def _templates(groups: pl.DataFrame, scrubber: TextScrubber) -> pl.Series:
    """The template of each group of texts (`texts`) that are scrubbed to the same (`safe`)."""
    masks = masked_texts(groups["texts"].explode().to_list(), scrubber=scrubber)
    templates = [_template(safe, texts, masks) for safe, texts in groups.iter_rows()]
    return pl.Series(templates, dtype=pl.String)


def _template(safe: str, texts: Sequence[str], masks: Mapping[str, Sequence[Mask] | None]) -> str:
    """What is scrubbed to ``safe``, with what all texts hide alike; ``safe`` if their masks do not agree."""
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
    # `scrub` may have masked a stand-in of the texts, elsewhere than the texts would be.
    slots = re.fullmatch(_ANY_MASK.join(map(re.escape, kept)), safe)
    if slots is None:
        return safe
    shown = [_shown(*place) for place in zip(slots.groups(), names, hidden, strict=True)]
    return kept[0] + "".join(part for pair in zip(shown, kept[1:], strict=True) for part in pair)


def _shape(text: str, masks: Sequence[Mask]) -> tuple[list[str], list[str]]:
    """What stands before, between and after masks, and what the masks, one fewer, say."""
    starts, ends = [0, *(mask.end for mask in masks)], [*(mask.start for mask in masks), len(text)]
    kept = [without_format_characters(text[start:end]) for start, end in zip(starts, ends, strict=True)]
    return kept, [mask.name for mask in masks]


def _shown(slot: str, name: str, contents: set[str]) -> str:
    """What all texts hide at one place, if it is of the template; else what `scrub` wrote."""
    if len(contents) != 1 or not {slot, name} <= _DOUBTS:
        return slot
    (content,) = contents
    is_long = sum(map(str.isdigit, content)) > _MOST_DIGITS
    # A number without digits is spelt, and may be as long as it likes.
    is_spelt = _NUMBER in (slot, name) and any(map(str.isalpha, content))
    # What reads as something else may hold whatever a recognizer found there.
    is_plain = read(content).text == content
    return content if is_plain and not is_long and not is_spelt else slot
