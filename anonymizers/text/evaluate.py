"""Evaluate a scrubber on texts whose personal data is labelled: recall, precision, harmless words kept."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from anonymizers.errors import AnonymizerError
from anonymizers.text.scrubber import Mask

# Labels of presidio-research whose characters count: who somebody is and how to reach them.
CORE = frozenset([
    "PERSON", "STREET_ADDRESS", "GPE", "LOCATION", "ZIP_CODE", "PHONE_NUMBER", "CREDIT_CARD",
    "EMAIL_ADDRESS", "IBAN_CODE", "US_SSN", "IP_ADDRESS", "GPS", "USER_NAME",
])  # fmt: skip
# Labels that a mask claims to have found, by its name; `<NUMBER>`, `<WORD>` and others claim none.
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
    """Report a file of labelled texts that is not in the expected format."""


@dataclass(frozen=True, slots=True)
class Label:
    """Label personal data from ``start`` to before ``end``, in characters of a text."""

    start: int
    end: int
    entity: str


@dataclass(frozen=True, slots=True)
class Labelled:
    """Hold a text and labels of all personal data in it."""

    text: str
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class Miss:
    """Show a label that is not masked as a whole.

    Attributes:
        entity: Kind of personal data.
        before: Up to 40 characters before it.
        parts: Its text, cut where masked and unmasked characters meet; with each part whether it is masked.
        after: Up to 40 characters after it.
    """

    entity: str
    before: str
    parts: tuple[tuple[str, bool], ...]
    after: str


@dataclass(frozen=True, slots=True)
class Score:
    """Score how one kind of personal data is masked; shares are from 0 to 1.

    Attributes:
        labels: How many labels of this kind there are.
        recall: Share of labels of which every letter and digit is masked, by whatever mask.
        precision: Share of the masks that claim this kind that touch a label of it; None if none claims it.
        characters: Share of the letters and digits of labels that are masked.
    """

    labels: int
    recall: float
    precision: float | None
    characters: float

    @property
    def f2(self) -> float | None:
        """Weigh recall four times as much as precision (van Rijsbergen 1979, beta = 2)."""
        if self.precision is None:
            return None
        weighed = 4 * self.precision + self.recall
        return 5 * self.precision * self.recall / weighed if weighed else 0.0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Hold how a scrubber does on labelled texts; shares are from 0 to 1.

    Attributes:
        texts: How many texts there are.
        core: Share of letters and digits in labels of `CORE` that are masked.
        kept: Share of words outside of any label that are not masked.
        scores: Score of each kind of personal data, the most frequent first.
        misses: Labels that are not masked as a whole, in order.
        lost: Words outside of any label that are masked and how often, the most frequent first.
    """

    texts: int
    core: float
    kept: float
    scores: Mapping[str, Score]
    misses: tuple[Miss, ...]
    lost: tuple[tuple[str, int], ...]


def labelled_texts(document: str | bytes) -> list[Labelled]:
    """Read texts in the format of presidio-research: `full_text`, and `spans` with type and positions.

    Empty labels are left out.

    Raises:
        LabelledError: The document is in another format; names the number of the text, never its content.
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
        texts: n labelled texts.
        masks: What is masked of each of the n texts; None = all of it.
    """
    counts = _Counts()
    for labelled, found in zip(texts, masks, strict=True):
        covered = covered_by(found, labelled.text)
        counts.add_labels(labelled, covered)
        counts.add_masks(labelled, found or ())
        counts.add_words(labelled, covered)
    core = [entity for entity in counts.labels if entity in CORE]
    return Evaluation(
        texts=len(texts),
        core=_share(sum(counts.hidden[e] for e in core), sum(counts.characters[e] for e in core)),
        kept=_share(counts.kept, counts.words),
        scores={entity: counts.score(entity) for entity, _ in counts.labels.most_common()},
        misses=tuple(counts.misses),
        lost=tuple((word, count) for word, count in counts.lost.most_common() if count),
    )


@dataclass(slots=True)
class _Counts:
    """Count labels, their characters and masks by kind of personal data, and harmless words."""

    labels: Counter[str] = field(default_factory=Counter)
    whole: Counter[str] = field(default_factory=Counter)
    characters: Counter[str] = field(default_factory=Counter)
    hidden: Counter[str] = field(default_factory=Counter)
    claimed: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    misses: list[Miss] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)
    words: int = 0
    kept: int = 0

    def add_labels(self, labelled: Labelled, covered: Sequence[bool]) -> None:
        for label in labelled.labels:
            hidden = [covered[i] for i in range(label.start, label.end) if labelled.text[i].isalnum()]
            self.characters[label.entity] += len(hidden)
            self.hidden[label.entity] += sum(hidden)
            self.labels[label.entity] += 1
            self.whole[label.entity] += all(hidden)
            if not all(hidden):
                self.misses.append(_miss(labelled.text, label, covered))

    def add_masks(self, labelled: Labelled, masks: Sequence[Mask]) -> None:
        for mask in masks:
            claims = _claims(mask.name)
            is_right = any(
                mask.start < label.end and label.start < mask.end and label.entity in claims
                for label in labelled.labels
            )
            for entity in claims:
                self.claimed[entity] += 1
                self.right[entity] += is_right

    def add_words(self, labelled: Labelled, covered: Sequence[bool]) -> None:
        for word, stays in _harmless(labelled, covered):
            self.words += 1
            self.kept += stays
            self.lost[word] += not stays

    def score(self, entity: str) -> Score:
        count, claimed = self.labels[entity], self.claimed[entity]
        return Score(
            labels=count,
            recall=self.whole[entity] / count,
            precision=self.right[entity] / claimed if claimed else None,
            characters=_share(self.hidden[entity], self.characters[entity]),
        )


def covered_by(masks: Iterable[Mask] | None, text: str) -> list[bool]:
    """Return for each character of a text whether it is masked; None masks all of it."""
    covered = [masks is None] * len(text)
    for mask in masks or ():
        covered[mask.start : mask.end] = [True] * (mask.end - mask.start)
    return covered


def _claims(name: str) -> frozenset[str]:
    entity = name.strip("<>")
    return CLAIMS.get(entity, frozenset({entity}))


def _harmless(labelled: Labelled, covered: Sequence[bool]) -> Iterator[tuple[str, bool]]:
    """Yield words that no label touches, and whether they stay."""
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
