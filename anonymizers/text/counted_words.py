"""Choose which words may be counted, and released once workspaces of many payers have used them for months.

Which words were used so often is asked of `CountedWords`. Only a word in lower case that no list of names
has, away from whatever is masked as something else, is counted or released, however often it is used.
"""

from typing import Protocol

import numpy as np
import polars as pl

from anonymizers.text.arrays import Bools, Ints, following, same_as_previous
from anonymizers.text.spans import Spans

# One row for each word that a text gives to count.
WORDS = pl.Schema({"text": pl.String, "word": pl.String})
# One row for each word that a workspace used.
USES = pl.Schema({"workspace": pl.String, "word": pl.String})

# Signs of placeholders, paths, handles and values of keys: what stands beside one may be anything.
_TELLS = list("{}[]<>%$#@=\\/~^`")
# Templates of WhatsApp are named `in_this_way`.
_APART = list(" \t\n\r_")


class CountedWords(Protocol):
    """Know which words were used often enough to be released."""

    def released(self, words: pl.Series) -> Bools:
        """Return whether each of the n distinct ``words``, all in lower case, may stay, in order."""
        ...


def countable(spans: Spans, uncommon: Bools, *, masked_otherwise: Bools) -> Bools:
    """Return which of the n spans are words that may be counted, and released, where they stand.

    Args:
        spans: The texts of a column.
        uncommon: Which of the n are words that are masked for nothing but that they are not common.
        masked_otherwise: Which of the n are masked as anything but a word, or recognized as something.
    """
    tells = spans.distinct.str.contains_any(_TELLS).to_numpy()
    spaced = spans.distinct.str.contains_any(_APART).to_numpy()
    outer = spans.is_separator() & ~tells
    inner = outer & spaced
    # At the ends of a text there need be no space.
    follows = same_as_previous(spans.text)
    is_end = ~(follows & following(follows))
    close = ~np.where(is_end, outer[spans.codes], inner[spans.codes])
    # Between two words there is one separator at most.
    apart = ~(_beside(close, spans.text, steps=1) | _beside(masked_otherwise, spans.text, steps=2))
    return uncommon & ~masked_otherwise & apart


def _beside(chosen: Bools, text: Ints, *, steps: int) -> Bools:
    """Return which spans have a chosen one in the same text at most so many places before or after."""
    near = np.zeros_like(chosen)
    for step in range(1, steps + 1):
        same = text[step:] == text[:-step]
        near[step:] |= chosen[:-step] & same
        near[:-step] |= chosen[step:] & same
    return near
