"""Patterns of Presidio's recognizers and of ours, each tried only on texts in which it may find something."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import polars as pl
import regex  # type: ignore[import-untyped]

from anonymizers.text import phone_numbers
from anonymizers.text.checksums import CHECKSUMS
from anonymizers.text.gc_pause import uncollected
from anonymizers.text.prefilter import Gates, fast
from anonymizers.text.settings import PATTERN_FLAGS, RecognizerSettings, TextSettings

if TYPE_CHECKING:
    from presidio_analyzer import PatternRecognizer

_LANGUAGE = "en"
# Longer patterns are alternations of many words, in which `regex` is slower than RE2 is to call.
_SLOW = 250
# To RE2 digits, blanks and letters of words are those of ASCII.
_OF_LETTERS = regex.compile(r"\\[bBwW]")
_ASCII = regex.compile(r"[\x00-\x7f]*+")
_NO_OTHER_BLANKS = regex.compile(r"(?:[\x00-\x7f]|[^\s\d\u017f\u212a])*+")
# As Presidio's `LemmaContextAwareEnhancer`: by how much a word of the context before makes a find surer.
_CONTEXT_WORDS = 5
_WITH_CONTEXT, _AT_LEAST = 0.35, 0.4


class RecognizerError(ValueError):
    """A recognizer that cannot be used as it is declared."""


class TooManyError(Exception):
    """A pattern found more in a text than any text has that somebody wrote."""


@dataclass(frozen=True, slots=True)
class Span:
    """Something found in a text; positions in characters of that text."""

    text: int
    start: int
    end: int
    entity: str
    score: float


# Without slots, for what is computed once.
@dataclass(frozen=True)
class FindingPattern:
    """One pattern of a recognizer.

    Attributes:
        recognizer: Name of the recognizer.
        entity: What it finds.
        pattern: Of the library `regex`; compiled when a text first passes its gate.
        compiled_fast: Of RE2, which finds the same in time in proportion to a text's length; None = it would
            take longer, or does not know all that the pattern has.
        fast_in: What texts must match for RE2 to find the same in them.
        scored: How sure a find is, from 0 (none) to 1.
        context: Words before a find that make it surer.
        shortens: Whether a find that is none may be one without its last groups.
    """

    recognizer: str
    entity: str
    pattern: str
    compiled_fast: Any
    fast_in: Any
    scored: Callable[[str], float]
    context: tuple[str, ...]
    shortens: bool

    @cached_property
    def compiled(self) -> Any:
        """The pattern, compiled."""
        return regex.compile(self.pattern, flags=PATTERN_FLAGS)

    def find(self, value: str, *, text: int, seconds: float, most: int) -> Iterator[Span]:
        """Find everything in one text.

        Raises:
            TimeoutError: It took longer than ``seconds``.
            TooManyError: There are more than ``most``.
        """
        for number, match in enumerate(self._matches(value, seconds)):
            if number == most:
                raise TooManyError
            for start, end in self._candidates(match):
                if start < end and (score := self.scored(value[start:end])):
                    yield Span(text, start, end, self.entity, self._in_context(score, value[:start]))
                    break

    def _matches(self, value: str, seconds: float) -> Iterator[Any]:
        if self.compiled_fast is not None and (value.isascii() or self.fast_in.fullmatch(value)):
            return iter(self.compiled_fast.finditer(value))
        return iter(self.compiled.finditer(value, timeout=seconds))

    def _candidates(self, match: Any) -> Iterable[tuple[int, int]]:
        if not self.shortens:
            return (match.span(),)
        ends = (match.end(group) for group in range(match.re.groups, 0, -1))
        return ((match.start(), end if end > 0 else match.end()) for end in ends)

    def _in_context(self, score: float, before: str) -> float:
        if not self.context or score == 1:
            return score
        words = " ".join(before.rsplit(None, _CONTEXT_WORDS)[-_CONTEXT_WORDS:]).lower()
        supported = any(word in words for word in self.context)
        return min(1.0, max(score + _WITH_CONTEXT, _AT_LEAST)) if supported else score


class Recognizers:
    """All structured recognizers that `text.yml` names, and those of the site.

    Raises:
        RecognizerError: One cannot be used as it is declared.
    """

    @uncollected()
    def __init__(self, settings: TextSettings) -> None:
        self._seconds = settings.recognition.pattern_milliseconds / 1000
        self._most = settings.recognition.most_finds
        self._of_site = tuple(pattern for one in settings.site_recognizers for pattern in _declared(one))
        self.patterns = (
            *(pattern for name in settings.presidio for pattern in _of_presidio(name)),
            *(pattern for one in settings.recognizers for pattern in _declared(one)),
            _phone_numbers(),
            *self._of_site,
        )

    @cached_property
    def _gates(self) -> Gates:
        return Gates([pattern.pattern for pattern in self.patterns])

    @cached_property
    def _gates_of_site(self) -> Gates:
        return Gates([pattern.pattern for pattern in self._of_site])

    def may_find_of_site(self, text: str) -> bool:
        """Whether a recognizer of the site's may find something in a text."""
        return bool(self._gates_of_site.passing(text))

    def find(self, texts: pl.Series) -> tuple[list[Span], set[int]]:
        """Find everything in a column.

        Returns:
            What was found, and the texts that a pattern broke on, ran out of time or found too much in:
            nobody vouches for those. Presidio 2.2 reports that it found nothing in them.
        """
        spans: list[Span] = []
        broken: set[int] = set()
        for text, value in enumerate(texts):
            try:
                for number in self._gates.passing(value):
                    spans += self.patterns[number].find(
                        value, text=text, seconds=self._seconds, most=self._most
                    )
            except Exception:  # noqa: BLE001  a detector may break in any way: its text is redacted
                broken.add(text)
        return spans, broken


def _of_presidio(name: str) -> Iterator[FindingPattern]:
    import presidio_analyzer.predefined_recognizers as predefined
    from presidio_analyzer import PatternRecognizer

    class OfflineEmailRecognizer(predefined.EmailRecognizer):
        """Takes whatever looks like an address for one.

        Presidio's own asks tldextract whether the domain exists, which fetches the public suffix list.
        """

        def validate_result(self, pattern_text: str) -> None:  # noqa: ARG002
            return None

    offline = {"EmailRecognizer": OfflineEmailRecognizer}
    known = offline.get(name) or getattr(predefined, name, None)
    shortens = known is predefined.IbanRecognizer
    if known is None or not (shortens or known.analyze is PatternRecognizer.analyze):
        raise RecognizerError(f"presidio: {name} is not one of Presidio's recognizers that work by patterns")
    yield from _patterns(known(supported_language=_LANGUAGE), shortens=shortens)


def _declared(one: RecognizerSettings) -> Iterator[FindingPattern]:
    from presidio_analyzer import PatternRecognizer

    declared = one.model_dump(exclude={"checksum"}, exclude_none=True, mode="json")
    recognizer = PatternRecognizer.from_dict({"supported_language": _LANGUAGE, **declared})
    yield from _patterns(recognizer, checksum=one.checksum)


def _patterns(
    recognizer: Any, *, shortens: bool = False, checksum: str | None = None
) -> Iterator[FindingPattern]:
    for pattern in recognizer.patterns:
        yield FindingPattern(
            recognizer=recognizer.name,
            entity=recognizer.supported_entities[0],
            pattern=pattern.regex,
            compiled_fast=fast(pattern.regex) if len(pattern.regex) > _SLOW else None,
            fast_in=_ASCII if _OF_LETTERS.search(pattern.regex) else _NO_OTHER_BLANKS,
            scored=partial(_scored, recognizer, pattern.score, CHECKSUMS[checksum] if checksum else None),
            context=tuple(word.lower() for word in recognizer.context or ()),
            shortens=shortens,
        )


def _scored(
    recognizer: "PatternRecognizer", score: float, checksum: Callable[[str], bool] | None, text: str
) -> float:
    """As Presidio's `PatternRecognizer.analyze`: proven, disproven, or as sure as the pattern says."""
    proven = checksum(text) if checksum else recognizer.validate_result(text)
    if proven is False or recognizer.invalidate_result(text):
        return 0.0
    return score if proven is None else 1.0


def _phone_numbers() -> FindingPattern:
    return FindingPattern(
        recognizer="PhoneNumberRecognizer",
        entity="PHONE_NUMBER",
        pattern=phone_numbers.NUMBER,
        compiled_fast=None,
        fast_in=_ASCII,
        scored=phone_numbers.score,
        context=phone_numbers.CONTEXT,
        shortens=False,
    )
