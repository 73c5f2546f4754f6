"""Find personal data by the patterns of Presidio's recognizers, of `text.yml` and of the site.

A pattern runs only on texts that its prefilter lets through.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import polars as pl
import regex  # type: ignore[import-untyped]

from anonymizers.text import phone_numbers
from anonymizers.text.checksums import CHECKSUMS
from anonymizers.text.gc_pause import gc_paused
from anonymizers.text.prefilter import Prefilter, compile_fast
from anonymizers.text.settings import PATTERN_FLAGS, RecognitionSettings, RecognizerSettings, TextSettings

if TYPE_CHECKING:
    from presidio_analyzer import PatternRecognizer

_LANGUAGE = "en"
# Longer patterns are alternations of many words, in which `regex` is slower than RE2 is to call.
_SLOW = 250
# To RE2 digits, blanks and letters of words are those of ASCII.
_OF_LETTERS = regex.compile(r"\\[bBwW]")
_ASCII = regex.compile(r"[\x00-\x7f]*+")
_NO_OTHER_BLANKS = regex.compile(r"(?:[\x00-\x7f]|[^\s\d\u017f\u212a])*+")
# As Presidio's `LemmaContextAwareEnhancer`: by how much a word of the context before a match makes it surer.
_CONTEXT_WORDS = 5
_WITH_CONTEXT, _AT_LEAST = 0.35, 0.4


class RecognizerError(ValueError):
    """Report a recognizer that cannot be used as it is declared."""


class TooManyError(Exception):
    """Report that a pattern found more in a text than anybody writes into one (`most_finds`)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Describe what a recognizer found.

    Attributes:
        text: Index of the text.
        start: Position in that text, in characters.
        end: Position after the last character.
        entity: What it is, as Presidio names entities.
        score: How sure that is, above 0 up to 1.
    """

    text: int
    start: int
    end: int
    entity: str
    score: float


# Without slots, for what is computed once.
@dataclass(frozen=True)
class RecognizerPattern:
    """Match one pattern of a recognizer and score what it matches.

    Attributes:
        recognizer: Name of the recognizer.
        entity: What it finds, as Presidio names entities.
        pattern: For the library `regex`; compiled when the prefilter first lets a text through.
        scored: Returns how sure a match is to be the entity, from 0 (it is not) to 1.
        context: Words before a match that make it surer.
        is_long: Whether RE2 is faster if it supports it: its time is in proportion to a text's length.
        fast_in: What a text must match as a whole for RE2 to find the same in it as `regex`.
        shortens: Whether a match that scores 0 is tried again without its last groups.
        label_characters: A text of at most so many characters is found as a whole.
    """

    recognizer: str
    entity: str
    pattern: str
    scored: Callable[[str], float]
    context: tuple[str, ...]
    is_long: bool = False
    fast_in: Any = None
    shortens: bool = False
    label_characters: int = 0

    @cached_property
    def compiled(self) -> Any:
        """Compile the pattern with `regex`."""
        return regex.compile(self.pattern, flags=PATTERN_FLAGS)

    @cached_property
    def compiled_fast(self) -> Any:
        """Compile the pattern with RE2; None if that is slower or not supported."""
        return compile_fast(self.pattern) if self.is_long else None

    def find(self, value: str, *, text: int, seconds: float, most: int) -> Iterator[Finding]:
        """Find everything in the text ``value``, whose index is ``text``.

        Raises:
            TimeoutError: It took longer than ``seconds``.
            TooManyError: There are more than ``most`` matches.
        """
        for number, match in enumerate(self._matches(value, seconds)):
            if number == most:
                raise TooManyError
            for start, end in self._candidates(match):
                if start < end and (score := self.scored(value[start:end])):
                    yield Finding(text, start, end, self.entity, self._in_context(score, value[:start]))
                    break

    def _matches(self, value: str, seconds: float) -> Iterator[Any]:
        if self.compiled_fast is not None and (value.isascii() or self.fast_in.fullmatch(value)):
            return iter(self.compiled_fast.finditer(value))
        return iter(self.compiled.finditer(value, timeout=seconds))

    def _candidates(self, match: Any) -> Iterable[tuple[int, int]]:
        if len(match.string) <= self.label_characters:
            return ((0, len(match.string)),)
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
    """Run all recognizers by pattern that `text.yml` names or declares, and those of the site.

    Raises:
        RecognizerError: One cannot be used as it is declared.
    """

    @gc_paused()
    def __init__(self, settings: TextSettings) -> None:
        limits = settings.recognition
        self._seconds = limits.pattern_milliseconds / 1000
        self._most = limits.most_finds
        self._of_site = tuple(
            pattern for one in settings.site_recognizers for pattern in _declared(one, limits)
        )
        self.patterns = (
            *(pattern for name in settings.presidio for pattern in _of_presidio(name)),
            *(pattern for one in settings.recognizers for pattern in _declared(one, limits)),
            _phone_numbers(),
            *self._of_site,
        )

    @cached_property
    def _prefilter(self) -> Prefilter:
        return Prefilter([pattern.pattern for pattern in self.patterns])

    @cached_property
    def _prefilter_of_site(self) -> Prefilter:
        return Prefilter([pattern.pattern for pattern in self._of_site])

    def site_may_find(self, text: str) -> bool:
        """Return whether a recognizer that the site added may find something in a text."""
        return bool(self._prefilter_of_site.candidates(text))

    def find(self, texts: pl.Series) -> tuple[list[Finding], set[int]]:
        """Find everything in a column of texts.

        Returns:
            What was found, and the indices of texts on which a recognizer failed: it broke, ran out of time
            or found too much. They must be redacted. Presidio 2.2 reports nothing found in such texts.
        """
        findings: list[Finding] = []
        failed: set[int] = set()
        for text, value in enumerate(texts):
            try:
                for number in self._prefilter.candidates(value):
                    findings += self.patterns[number].find(
                        value, text=text, seconds=self._seconds, most=self._most
                    )
            except Exception:  # noqa: BLE001  a recognizer may break in any way: its text is redacted
                failed.add(text)
        return findings, failed


def _of_presidio(name: str) -> Iterator[RecognizerPattern]:
    import presidio_analyzer.predefined_recognizers as predefined
    from presidio_analyzer import PatternRecognizer

    class OfflineEmailRecognizer(predefined.EmailRecognizer):
        """Accept whatever looks like an e-mail address.

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


def _declared(one: RecognizerSettings, limits: RecognitionSettings) -> Iterator[RecognizerPattern]:
    from presidio_analyzer import PatternRecognizer

    declared = one.model_dump(exclude={"checksum", "labels_text"}, exclude_none=True, mode="json")
    recognizer = PatternRecognizer.from_dict({"supported_language": _LANGUAGE, **declared})
    label_characters = limits.label_characters if one.labels_text else 0
    yield from _patterns(recognizer, checksum=one.checksum, label_characters=label_characters)


def _patterns(
    recognizer: Any, *, shortens: bool = False, checksum: str | None = None, label_characters: int = 0
) -> Iterator[RecognizerPattern]:
    for pattern in recognizer.patterns:
        yield RecognizerPattern(
            recognizer=recognizer.name,
            entity=recognizer.supported_entities[0],
            pattern=pattern.regex,
            is_long=len(pattern.regex) > _SLOW,
            fast_in=_ASCII if _OF_LETTERS.search(pattern.regex) else _NO_OTHER_BLANKS,
            scored=partial(_scored, recognizer, pattern.score, CHECKSUMS[checksum] if checksum else None),
            context=tuple(word.lower() for word in recognizer.context or ()),
            shortens=shortens,
            label_characters=label_characters,
        )


def _scored(
    recognizer: "PatternRecognizer", score: float, checksum: Callable[[str], bool] | None, text: str
) -> float:
    """Score a match as Presidio's `PatternRecognizer.analyze`: 1 if valid, 0 if invalid, else as declared."""
    proven = checksum(text) if checksum else recognizer.validate_result(text)
    if proven is False or recognizer.invalidate_result(text):
        return 0.0
    return score if proven is None else 1.0


def _phone_numbers() -> RecognizerPattern:
    return RecognizerPattern(
        recognizer="PhoneNumberRecognizer",
        entity="PHONE_NUMBER",
        pattern=phone_numbers.NUMBER,
        scored=phone_numbers.score,
        context=phone_numbers.CONTEXT,
    )
