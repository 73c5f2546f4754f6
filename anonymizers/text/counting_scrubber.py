"""Scrub the texts of a batch and remember their words, to be counted by workspace."""

from collections.abc import Sequence

import polars as pl

from anonymizers.text.counted_words import WORDS, CountedWords
from anonymizers.text.releasing_scrubber import ReleasingScrubber
from anonymizers.text.scrubber import Mask


class CountingScrubber:
    """Scrub the texts of one batch, and remember their words to count until told to forget them."""

    def __init__(self, scrubber: ReleasingScrubber, counted: CountedWords) -> None:
        self._scrubber = scrubber
        self._counted = counted
        self._words: list[pl.DataFrame] = []

    def scrub(self, texts: Sequence[str]) -> Sequence[str]:
        """Return the n texts without what is personal, in order."""
        answers, words = self._scrubber.scrub_counted(texts, counted=self._counted)
        self._words.append(words)
        return answers

    def masks(self, texts: Sequence[str]) -> Sequence[Sequence[Mask] | None]:
        """Return what `scrub` would mask of each of the n texts; None = all of it."""
        return self._scrubber.masks(texts, counted=self._counted)

    def uses(self, texts: pl.Series, *, workspaces: pl.Series) -> pl.DataFrame:
        """Return who used which word, as `USES`.

        Args:
            texts: n texts that were scrubbed before; null = none.
            workspaces: The workspace of each of the n texts; null = nobody's, not counted.
        """
        rows = pl.DataFrame({"workspace": workspaces, "text": texts}).drop_nulls().unique()
        words = pl.concat([WORDS.to_frame(), *self._words])
        return rows.join(words, on="text").select("workspace", "word").unique()

    def forget(self) -> None:
        """Forget all texts scrubbed so far and their words."""
        self._words.clear()
