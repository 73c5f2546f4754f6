"""List names that Presidio's language model finds in labelled texts and our anonymizer does not mask."""

from collections.abc import Sequence
from dataclasses import dataclass

from wordfreq import zipf_frequency

from anonymizers.text.evaluate import Labelled
from anonymizers.text.presidio_baseline import PresidioBaseline
from anonymizers.text.releasing_scrubber import ReleasingScrubber
from bench.text_truth import coverage, shown

_MARKED, _FIRST, _COMMON, _OTHER = KINDS = (
    "with digits or punctuation",
    "a word with a capital, first in sentence",
    "another single common word",
    "other",
)
# One use in a million words (Zipf scale, van Heuven 2014); a word of ours is common from there on.
_COMMON_FROM = 3.0
_ENDS_SENTENCE = frozenset(".!?:;\n\"'“”„»«|•*>-")


@dataclass(frozen=True, slots=True)
class LostPerson:
    """A span that Presidio takes for a person, some of whose letters or digits ours leaves.

    Attributes:
        kind: One of `KINDS`; the first that applies.
        touches_name: Whether a name is labelled there.
        shows_name: Whether a letter of that name is among those left.
    """

    kind: str
    touches_name: bool
    shows_name: bool


def lost_people(
    texts: Sequence[Labelled], ours: ReleasingScrubber, theirs: PresidioBaseline
) -> tuple[int, list[LostPerson]]:
    """How many people Presidio sees, and those that ours does not mask as a whole."""
    plain = [labelled.text for labelled in texts]
    found = theirs.engine.analyze_iterator(plain, language="en", batch_size=256)
    count, lost = 0, []
    for labelled, covered, results in zip(texts, coverage(plain, ours.masks(plain)), found, strict=True):
        for person in (result for result in results if result.entity_type == "PERSON"):
            count += 1
            if shown(labelled.text, covered, person.start, person.end):
                names = [
                    label
                    for label in labelled.labels
                    if label.entity == "PERSON" and label.start < person.end and person.start < label.end
                ]
                shows = any(shown(labelled.text, covered, name.start, name.end) for name in names)
                lost.append(LostPerson(kind(labelled.text, person.start, person.end), bool(names), shows))
    return count, lost


def kind(text: str, start: int, end: int) -> str:
    """What a span looks like; one of `KINDS`."""
    span = text[start:end].strip()
    if any(not (c.isalpha() or c.isspace()) for c in span):
        return _MARKED
    if len(span.split()) > 1:
        return _OTHER
    before = text[:start].rstrip(" ")
    if span[:1].isupper() and (not before or before[-1] in _ENDS_SENTENCE):
        return _FIRST
    return _COMMON if zipf_frequency(span.lower(), "en") >= _COMMON_FROM else _OTHER
