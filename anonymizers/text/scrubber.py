"""Call what removes personal data from texts, and redact every text that it fails on."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from anonymizers.columns import mapped

REDACTED = "<REDACTED>"


@dataclass(frozen=True, slots=True)
class Mask:
    """Describe a masked part of a text, from ``start`` to before ``end`` in characters of the original.

    ``name`` is what stands there instead, such as `<NAME>`.
    """

    start: int
    end: int
    name: str


def merged(masks: Iterable[Mask]) -> Iterator[Mask]:
    """Yield the masks of one text, in order; those that overlap become one, named as the first of them."""
    last: Mask | None = None
    for mask in masks:
        if last and mask.start < last.end:
            last = Mask(min(last.start, mask.start), max(last.end, mask.end), last.name)
            continue
        if last:
            yield last
        last = mask
    if last:
        yield last


class TextScrubber(Protocol):
    """Remove personal data from texts."""

    def scrub(self, texts: Sequence[str]) -> Sequence[str]:
        """Return the n distinct texts without what is personal, in order."""
        ...

    def masks(self, texts: Sequence[str]) -> Sequence[Sequence[Mask] | None]:
        """Return what is personal in each of the n distinct texts, in order and apart; None = all of it."""
        ...


def scrubbed(texts: pl.Series, *, scrubber: TextScrubber) -> pl.Series:
    """Scrub each distinct text once, and return the n texts scrubbed, in order; null stays null.

    If the scrubber raises, or returns anything but one string per text, every text is `REDACTED`.
    """
    return mapped(texts, lambda distinct: _answers(distinct, scrubber))


def scrubbed_texts(texts: Sequence[str], *, scrubber: TextScrubber) -> dict[str, str]:
    """Scrub texts as `scrubbed` does; return each distinct text with what may be stored of it."""
    distinct = sorted(set(texts))
    return dict(zip(distinct, _answers(distinct, scrubber), strict=True))


def masked_texts(texts: Sequence[str], *, scrubber: TextScrubber) -> Mapping[str, Sequence[Mask] | None]:
    """Return the masks of each distinct text; None = all of it, also where the scrubber raises."""
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
    except Exception:  # noqa: BLE001  however it failed, all texts are redacted; `redactions` counts them
        return redacted
    is_sound = len(answers) == len(texts) and set(map(type, answers)) <= {str}
    return answers if is_sound else redacted
