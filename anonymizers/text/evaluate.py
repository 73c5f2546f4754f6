"""Evaluate a scrubber on texts whose personal data is labelled: recall, precision, harmless words kept."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby

from anonymizers.errors import AnonymizerError
from anonymizers.text.scrubber import Mask
from anonymizers.unicode import without_format_characters

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
_ANY_MASK = re.compile(r"<[A-Z][A-Z0-9_]*>")


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
        """Return the F2 score: recall weighs four times as much as precision (van Rijsbergen, beta 2)."""
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


def masks_in(text: str, stored: str) -> list[Mask] | None:
    """Return what is masked of a text, by what is stored of it; None = all of it.

    Where the same words may have been kept or masked, what is kept is taken to stand as early as it can.
    """
    plain = without_format_characters(text)
    place = [at for at, character in enumerate(text) if without_format_characters(character)]
    *kept, rest = (re.escape(part) for part in _ANY_MASK.split(stored))
    found = re.fullmatch("".join(f"{part}(.+?)" for part in kept) + rest, plain, re.DOTALL)
    if found is None:
        return None
    return [
        Mask(place[found.start(number)], place[found.end(number) - 1] + 1, name)
        for number, name in enumerate(_ANY_MASK.findall(stored), start=1)
    ]


def evaluate(texts: Sequence[Labelled], masks: Sequence[Sequence[Mask] | None]) -> Evaluation:
    """Compare what is masked with what is labelled.

    Args:
        texts: n labelled texts.
        masks: What is masked of each of the n texts; None = all of it.
    """
    # Of each label which of its letters and digits are masked; of each claim of a mask whether it is right.
    labels: defaultdict[str, list[list[bool]]] = defaultdict(list)
    claims: defaultdict[str, list[bool]] = defaultdict(list)
    misses: list[Miss] = []
    lost: Counter[str] = Counter()
    kept: list[bool] = []
    for labelled, found in zip(texts, masks, strict=True):
        text, covered = labelled.text, covered_by(found, labelled.text)
        for label in labelled.labels:
            masked = [covered[i] for i in range(label.start, label.end) if text[i].isalnum()]
            labels[label.entity].append(masked)
            if not all(masked):
                misses.append(_miss(text, label, covered))
        for mask in found or ():
            for entity in _claims(mask.name):
                claims[entity].append(_is_right(mask, labelled.labels))
        for word, stays in _harmless(labelled, covered):
            kept.append(stays)
            lost[word] += not stays
    core = [masked for entity in labels if entity in CORE for masked in labels[entity]]
    frequent_first = sorted(labels, key=lambda entity: -len(labels[entity]))
    return Evaluation(
        texts=len(texts),
        core=_share(chain.from_iterable(core)),
        kept=_share(kept),
        scores={entity: _score(labels[entity], claims[entity]) for entity in frequent_first},
        misses=tuple(misses),
        lost=tuple((word, count) for word, count in lost.most_common() if count),
    )


def _is_right(mask: Mask, labels: Iterable[Label]) -> bool:
    claims = _claims(mask.name)
    return any(
        mask.start < label.end and label.start < mask.end and label.entity in claims for label in labels
    )


def _score(labels: Sequence[Sequence[bool]], claims: Sequence[bool]) -> Score:
    return Score(
        labels=len(labels),
        recall=_share(map(all, labels)),
        precision=_share(claims) if claims else None,
        characters=_share(chain.from_iterable(labels)),
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
    parts = tuple(
        ("".join(text[i] for i in positions), is_masked)
        for is_masked, positions in groupby(range(label.start, label.end), key=covered.__getitem__)
    )
    before, after = text[max(0, label.start - 40) : label.start], text[label.end : label.end + 40]
    return Miss(label.entity, before, parts, after)


def _share(holds: Iterable[bool]) -> float:
    """Return the share of true values; 1 if there are no values."""
    values = list(holds)
    return sum(values) / len(values) if values else 1.0
