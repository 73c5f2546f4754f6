"""How well a scrubber does on texts whose personal data is labelled."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from anonymizers.errors import AnonymizerError
from anonymizers.text.scrubber import Mask

# Labels of presidio-research whose characters count: who somebody is and how to reach them.
CORE = frozenset(
    [
        "PERSON",
        "STREET_ADDRESS",
        "GPE",
        "LOCATION",
        "ZIP_CODE",
        "PHONE_NUMBER",
        "CREDIT_CARD",
        "EMAIL_ADDRESS",
        "IBAN_CODE",
        "US_SSN",
        "IP_ADDRESS",
        "GPS",
        "USER_NAME",
    ]
)
# What a mask claims to have found, by its name; others (`<NUMBER>`, `<WORD>`, …) claim nothing but doubt.
CLAIMS: Mapping[str, frozenset[str]] = {
    "NAME": frozenset({"PERSON"}),
    "PERSON": frozenset({"PERSON"}),
    "PLACE": frozenset({"GPE", "STREET_ADDRESS"}),
    "LOCATION": frozenset({"GPE", "STREET_ADDRESS"}),
    "ADDRESS": frozenset({"STREET_ADDRESS"}),
    "URL": frozenset({"DOMAIN_NAME"}),
}
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_SHORTEST_WORD = 2


class LabelledError(AnonymizerError):
    """A file of labelled texts does not say what it must."""


@dataclass(frozen=True, slots=True)
class Label:
    """Personal data in a text."""

    start: int
    end: int
    entity: str


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text and all personal data in it."""

    text: str
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class Miss:
    """A label that is not masked as a whole.

    Attributes:
        entity: Its kind.
        before: What stands before it.
        parts: Its text, in parts that are masked and parts that are not.
        after: What stands after it.
    """

    entity: str
    before: str
    parts: tuple[tuple[str, bool], ...]
    after: str


@dataclass(frozen=True, slots=True)
class Score:
    """One kind of personal data.

    Attributes:
        labels: How many there are.
        recall: Share of them of which every letter and digit is masked, as whatever.
        precision: Share of masks that claim to be of this kind and touch one; None where none claims it.
        characters: Share of their letters and digits that are masked.
    """

    labels: int
    recall: float
    precision: float | None
    characters: float

    @property
    def f2(self) -> float | None:
        """Recall counts four times as much as precision (van Rijsbergen 1979, beta = 2)."""
        if self.precision is None:
            return None
        weighed = 4 * self.precision + self.recall
        return 5 * self.precision * self.recall / weighed if weighed else 0.0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a scrubber does on labelled texts.

    Attributes:
        texts: How many.
        core: Share of letters and digits of `CORE` that are masked.
        kept: Share of words outside of any label that stay.
        scores: By entity, the most frequent first.
        misses: Labels that are not masked as a whole, in order.
        lost: Words outside of any label that are masked, with how often, the most frequent first.
    """

    texts: int
    core: float
    kept: float
    scores: Mapping[str, Score]
    misses: tuple[Miss, ...]
    lost: tuple[tuple[str, int], ...]


def labelled_texts(document: str | bytes) -> list[Labelled]:
    """Read texts in the format of presidio-research: `full_text`, and `spans` with type and positions.

    Labels of nothing are left out.

    Raises:
        LabelledError: It is not such a document; names the place, never the text.
    """
    try:
        rows = json.loads(document)
    except (ValueError, RecursionError):
        raise LabelledError("This is not JSON. A list of texts with their `spans` is needed.") from None
    if not isinstance(rows, list):
        raise LabelledError("This is not a list of texts with their `spans`.")
    return [_labelled(row, number) for number, row in enumerate(rows, start=1)]


def _labelled(row: object, number: int) -> Labelled:
    text = ""
    labels: tuple[Label, ...] = ()
    try:
        text = row["full_text"]  # type: ignore[index]
        spans = [(s["start_position"], s["end_position"], s["entity_type"]) for s in row["spans"]]  # type: ignore[index]
        labels = tuple(Label(start, end, entity) for start, end, entity in spans)
        inside = isinstance(text, str) and all(_is_within(label, text) for label in labels)
    except (KeyError, TypeError):
        inside = False
    if not inside:
        raise LabelledError(
            f"Text {number} lacks `full_text`, or `spans` with `entity_type`, `start_position` and "
            "`end_position` within it."
        )
    # Its generator labels a title that a name does not have, too.
    return Labelled(text, tuple(label for label in labels if label.start < label.end))


def _is_within(label: Label, text: str) -> bool:
    is_typed = type(label.start) is type(label.end) is int and isinstance(label.entity, str)
    return is_typed and 0 <= label.start <= label.end <= len(text)


def evaluate(texts: Sequence[Labelled], masks: Sequence[Sequence[Mask] | None]) -> Evaluation:
    """Compare what is masked with what is labelled.

    Args:
        texts: Labelled texts.
        masks: What is masked of each; None = all of it.
    """
    characters: Counter[str] = Counter()
    hidden: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    claimed: Counter[str] = Counter()
    right: Counter[str] = Counter()
    words = kept = 0
    misses: list[Miss] = []
    lost: Counter[str] = Counter()
    for labelled, found in zip(texts, masks, strict=True):
        covered = covered_by(found, labelled.text)
        for label in labelled.labels:
            shown = [covered[i] for i in range(label.start, label.end) if labelled.text[i].isalnum()]
            characters[label.entity] += len(shown)
            hidden[label.entity] += sum(shown)
            labels[label.entity] += 1
            whole[label.entity] += all(shown)
            if not all(shown):
                misses.append(_miss(labelled.text, label, covered))
        for mask in found or ():
            for entity in _claims(mask.name):
                claimed[entity] += 1
                right[entity] += any(
                    mask.start < label.end and label.start < mask.end and label.entity in _claims(mask.name)
                    for label in labelled.labels
                )
        for word, stays in _harmless(labelled, covered):
            words += 1
            kept += stays
            lost[word] += not stays
    core = [entity for entity in labels if entity in CORE]
    return Evaluation(
        texts=len(texts),
        core=_share(sum(hidden[e] for e in core), sum(characters[e] for e in core)),
        kept=_share(kept, words),
        scores={
            entity: Score(
                count,
                whole[entity] / count,
                right[entity] / claimed[entity] if claimed[entity] else None,
                _share(hidden[entity], characters[entity]),
            )
            for entity, count in labels.most_common()
        },
        misses=tuple(misses),
        lost=tuple((word, count) for word, count in lost.most_common() if count),
    )


def covered_by(masks: Iterable[Mask] | None, text: str) -> list[bool]:
    """Of each character of a text whether it is masked; None masks all of it."""
    covered = [masks is None] * len(text)
    for mask in masks or ():
        covered[mask.start : mask.end] = [True] * (mask.end - mask.start)
    return covered


def _claims(name: str) -> frozenset[str]:
    entity = name.strip("<>")
    return CLAIMS.get(entity, frozenset({entity}))


def _harmless(labelled: Labelled, covered: Sequence[bool]) -> Iterator[tuple[str, bool]]:
    """Words that no label touches, and whether they stay."""
    personal = covered_by([Mask(label.start, label.end, "") for label in labelled.labels], labelled.text)
    for match in _WORD.finditer(labelled.text):
        if match.end() - match.start() >= _SHORTEST_WORD and not any(personal[match.start() : match.end()]):
            yield match[0], not any(covered[match.start() : match.end()])


def _miss(text: str, label: Label, covered: Sequence[bool]) -> Miss:
    parts: list[tuple[str, bool]] = []
    for position in range(label.start, label.end):
        if parts and parts[-1][1] == covered[position]:
            parts[-1] = (parts[-1][0] + text[position], covered[position])
        else:
            parts.append((text[position], covered[position]))
    return Miss(
        label.entity,
        text[max(0, label.start - 40) : label.start],
        tuple(parts),
        text[label.end : label.end + 40],
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
