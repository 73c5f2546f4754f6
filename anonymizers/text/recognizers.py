"""Presidio's recognizers and ours, each asked only about the texts in which it may find something."""

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from anonymizers.text.gates import gate
from anonymizers.text.phone_numbers import phone_recognizer
from anonymizers.text.settings import TextSettings

if TYPE_CHECKING:
    from presidio_analyzer import EntityRecognizer

_LANGUAGE = "en"
# A gate costs about a millisecond to compile, a pattern some microseconds on a text.
_WORTH_A_GATE = 50


class DetectorTimeoutError(Exception):
    """A pattern ran out of time on a text."""


@dataclass(frozen=True, slots=True)
class Span:
    """Something found in a text; positions in characters of that text."""

    text: int
    start: int
    end: int
    entity: str
    score: float


@dataclass(frozen=True, slots=True)
class GatedRecognizer:
    """A recognizer of Presidio's with one pattern, and what a text must match for it to find anything."""

    recognizer: "EntityRecognizer"
    gate: str | None

    def may_find(self, texts: pl.Series) -> Iterable[int]:
        """Which texts it has to read; all where no gate is known or there are few of them."""
        if self.gate is None or len(texts) < _WORTH_A_GATE:
            return range(len(texts))
        return texts.str.contains(self.gate).arg_true()


class Recognizers:
    """All structured recognizers that `text.yml` names."""

    def __init__(self, settings: TextSettings) -> None:
        self.gated = tuple(gated for one in _load(settings) for gated in _gated(one))

    def find(self, texts: pl.Series) -> tuple[list[Span], set[int]]:
        """Find everything in a column.

        Returns:
            What was found, and the texts that a recognizer broke on or ran out of time: nobody vouches for
            those.
        """
        spans: list[Span] = []
        broken: set[int] = set()
        for one in self.gated:
            for text in one.may_find(texts):
                if text not in broken:
                    try:
                        spans += _asked(one.recognizer, texts[text], text)
                    except Exception:  # noqa: BLE001  a detector may break in any way: its text is redacted
                        broken.add(text)
        return spans, broken


def _asked(recognizer: "EntityRecognizer", value: str, text: int) -> Iterator[Span]:
    for found in recognizer.analyze(value, recognizer.supported_entities, None):  # type: ignore[arg-type]
        yield Span(text, found.start, found.end, found.entity_type, found.score)


def _load(settings: TextSettings) -> "Sequence[EntityRecognizer]":
    import presidio_analyzer.predefined_recognizers as predefined
    from presidio_analyzer import PatternRecognizer

    class OfflineEmailRecognizer(predefined.EmailRecognizer):
        """Takes whatever looks like an address for one.

        Presidio's own asks tldextract whether the domain exists, which fetches the public suffix list.
        """

        def validate_result(self, pattern_text: str) -> None:  # noqa: ARG002
            return None

    offline = {"EmailRecognizer": OfflineEmailRecognizer}
    theirs = [
        offline.get(name, getattr(predefined, name))(supported_language=_LANGUAGE)
        for name in settings.presidio
    ]
    ours = [
        PatternRecognizer.from_dict({"supported_language": _LANGUAGE, **declared})
        for declared in settings.recognizers
    ]
    loaded = [*theirs, *ours, phone_recognizer(settings.recognition.phone_regions)]
    for recognizer in loaded:
        _make_loud(recognizer, settings.recognition.pattern_milliseconds / 1000)
    return loaded


def _gated(recognizer: "EntityRecognizer") -> Iterator[GatedRecognizer]:
    """One for each of its patterns, which have little in common."""
    patterns = getattr(recognizer, "patterns", None)
    if not patterns:
        yield GatedRecognizer(recognizer, None)
        return
    for pattern in patterns:
        alone: Any = copy(recognizer)
        alone.patterns = [pattern]
        yield GatedRecognizer(alone, gate(pattern.regex))


def _make_loud(recognizer: Any, seconds: float) -> None:
    """Let a pattern's time-out reach us: Presidio 2.2 logs it and reports that it found nothing."""
    import regex  # type: ignore[import-untyped]

    for pattern in recognizer.patterns:
        flags = recognizer.global_regex_flags
        pattern.compiled_with_flags = flags
        pattern.compiled_regex = _LoudPattern(regex.compile(pattern.regex, flags=flags), seconds)


class _LoudPattern:
    """A compiled pattern whose time-out is not a `TimeoutError`, which Presidio would swallow."""

    def __init__(self, compiled: Any, seconds: float) -> None:
        self._compiled = compiled
        self._seconds = seconds

    def finditer(self, text: str, *, timeout: float) -> Iterator[Any]:  # noqa: ARG002
        try:
            yield from self._compiled.finditer(text, timeout=self._seconds)
        except TimeoutError:
            raise DetectorTimeoutError from None
