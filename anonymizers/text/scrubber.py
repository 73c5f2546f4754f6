"""The interface of whatever removes personal data from free text, and the rule that it fails closed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from anonymizers.text.spans import encoded

REDACTED = "<REDACTED>"


@dataclass(frozen=True, slots=True)
class Mask:
    """A part of a text that is masked; positions in characters of the text as it was written."""

    start: int
    end: int
    name: str


class TextScrubber(Protocol):
    """Removes personal data from texts."""

    def scrub(self, texts: Sequence[str]) -> Sequence[str]:
        """Replace what is personal in each of the distinct ``texts``; as many, in the same order."""
        ...

    def masks(self, texts: Sequence[str]) -> Sequence[Sequence[Mask] | None]:
        """What is personal in each of the distinct ``texts``, in order and apart; None = all of it."""
        ...


def scrubbed(texts: pl.Series, *, scrubber: TextScrubber) -> pl.Series:
    """Scrub a column, each distinct text once; same order, null stays null.

    A scrubber that raises, or answers with anything but one string per text, has vouched for nothing:
    every text it was asked about is redacted.
    """
    distinct, numbers = encoded(texts)
    return pl.Series(texts.name, _answers(distinct.to_list(), scrubber), dtype=pl.String).gather(numbers)


def scrubbed_texts(texts: Sequence[str], *, scrubber: TextScrubber) -> dict[str, str]:
    """The same for texts by themselves: each distinct one and what may be stored of it."""
    distinct = sorted(set(texts))
    return dict(zip(distinct, _answers(distinct, scrubber), strict=True))


def masked_texts(texts: Sequence[str], *, scrubber: TextScrubber) -> Mapping[str, Sequence[Mask] | None]:
    """The masks of each distinct text; None where nobody vouches for it."""
    distinct = sorted(set(texts))
    try:
        masks = list(scrubber.masks(distinct)) if distinct else []
    except Exception:  # noqa: BLE001  as in `_answers`
        return dict.fromkeys(distinct)
    return dict(zip(distinct, masks, strict=True)) if len(masks) == len(distinct) else dict.fromkeys(distinct)


def _answers(texts: list[str], scrubber: TextScrubber) -> Sequence[str]:
    redacted = [REDACTED] * len(texts)
    try:
        answers = list(scrubber.scrub(texts)) if texts else []
    except Exception:  # noqa: BLE001  whatever broke it, it has cleared nothing; `redactions` counts
        return redacted
    is_sound = len(answers) == len(texts) and set(map(type, answers)) <= {str}
    return answers if is_sound else redacted
