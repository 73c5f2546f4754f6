"""Compare letter by letter what is labelled in texts with what is masked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from anonymizers.text.evaluate import Labelled, covered_by
from anonymizers.text.scrubber import Mask

# For each character of a text, whether it is masked.
Coverage: TypeAlias = Sequence[bool]


@dataclass(frozen=True, slots=True)
class Share:
    """How many letters and digits of some are masked."""

    part: int
    of: int

    @property
    def value(self) -> float:
        return self.part / self.of if self.of else 1.0


def coverage(texts: Sequence[str], masks: Sequence[Sequence[Mask] | None]) -> list[Coverage]:
    """Every character of every text; None masks all of it."""
    return [covered_by(found, text) for text, found in zip(texts, masks, strict=True)]


def shown(text: str, covered: Coverage, start: int, end: int) -> str:
    """The letters and digits of a part of a text that are not masked."""
    return "".join(text[at] for at in range(start, end) if text[at].isalnum() and not covered[at])


def masked(texts: Sequence[Labelled], covered: Sequence[Coverage], *, entities: Sequence[str]) -> Share:
    """Letters and digits of labels of these kinds."""
    part = of = 0
    for labelled, mask in zip(texts, covered, strict=True):
        for label in labelled.labels:
            if label.entity in entities:
                letters = sum(map(str.isalnum, labelled.text[label.start : label.end]))
                of += letters
                part += letters - len(shown(labelled.text, mask, label.start, label.end))
    return Share(part, of)
