"""The second way in which a word may stay: workspaces of many payers have used it for months.

Which words those are is known elsewhere; here is decided which words it may be asked about. What is not a
word in lower case, known to no list of names and apart from whatever is masked as something else, is neither
counted nor released, however often it is used.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import polars as pl

from anonymizers.text.scrubber import Mask
from anonymizers.text.spans import Bools, Ints, Tiles, continues, following

# Text and word, each pair once.
WORDS = pl.Schema({"text": pl.String, "word": pl.String})
# Workspace and word, each pair once.
USES = pl.Schema({"workspace": pl.String, "word": pl.String})

# Slots of templates, paths, handles, values of keys: what stands beside one of these may be anything.
_TELLS = list("{}[]<>%$#@=\\/~^`")
# Templates of WhatsApp are named `in_this_way`.
_APART = list(" \t\n\r_")


class CountedWords(Protocol):
    """Knows which words have been counted often enough."""

    def released(self, words: pl.Series) -> Bools:
        """Which of the distinct ``words``, all in lower case, may stay; as many, in order."""
        ...


class ReadsCounted(Protocol):
    """A scrubber that lets counted words stay."""

    def scrub_counted(
        self, texts: Sequence[str], *, counted: CountedWords
    ) -> tuple[Sequence[str], pl.DataFrame]:
        """Replace what is personal in each text; and the words of `WORDS` that the texts give to count."""
        ...

    def masks(
        self, texts: Sequence[str], *, counted: CountedWords | None = None
    ) -> Sequence[Sequence[Mask] | None]:
        """What `scrub_counted` would mask of each text; None = all of it."""
        ...


class CountingScrubber:
    """Scrubs the texts of one batch and remembers, until it is told to forget, what they give to count."""

    def __init__(self, scrubber: ReadsCounted, counted: CountedWords) -> None:
        self._scrubber = scrubber
        self._counted = counted
        self._words: list[pl.DataFrame] = []

    def scrub(self, texts: Sequence[str]) -> Sequence[str]:
        """Replace what is personal in each text; as many, in the same order."""
        answers, words = self._scrubber.scrub_counted(texts, counted=self._counted)
        self._words.append(words)
        return answers

    def masks(self, texts: Sequence[str]) -> Sequence[Sequence[Mask] | None]:
        """What is personal in each text, in order and apart; None = all of it."""
        return self._scrubber.masks(texts, counted=self._counted)

    def uses(self, texts: pl.Series, *, workspaces: pl.Series) -> pl.DataFrame:
        """Who used which word (`USES`), in texts scrubbed before; each text's workspace beside it."""
        rows = pl.DataFrame({"workspace": workspaces, "text": texts}).drop_nulls().unique()
        words = pl.concat([WORDS.to_frame(), *self._words])
        return rows.join(words, on="text").select("workspace", "word").unique()

    def forget(self) -> None:
        """Forget all texts."""
        self._words.clear()


def countable(tiles: Tiles, uncommon: Bools, *, masked_otherwise: Bools) -> Bools:
    """Which of the uncommon words may be counted and released where they stand.

    Args:
        uncommon: Words with nothing against them but that they are not common.
        masked_otherwise: Tiles masked as anything but a word, or within anything that was recognized.
    """
    tells = tiles.distinct.str.contains_any(_TELLS).to_numpy()
    spaced = tiles.distinct.str.contains_any(_APART).to_numpy()
    is_between = tiles.between()
    inner = is_between & ~tells & spaced
    outer = is_between & ~tells
    # At the ends of a text there need be no space.
    follows = continues(tiles.text)
    is_end = ~(follows & following(follows))
    close = ~np.where(is_end, outer[tiles.codes], inner[tiles.codes])
    # Between two words stands one tile at most.
    apart = ~(_beside(close, tiles.text, steps=1) | _beside(masked_otherwise, tiles.text, steps=2))
    return uncommon & ~masked_otherwise & apart


def _beside(chosen: Bools, text: Ints, *, steps: int) -> Bools:
    """What has a chosen tile of the same text so many steps before or after it, or fewer."""
    near = np.zeros_like(chosen)
    for step in range(1, steps + 1):
        same = text[step:] == text[:-step]
        near[step:] |= chosen[:-step] & same
        near[:-step] |= chosen[step:] & same
    return near
