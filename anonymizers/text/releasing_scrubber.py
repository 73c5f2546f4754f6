"""Scrub texts by the release rule: what is known to be harmless stays, the rest is masked by kind."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import numpy as np
import polars as pl

from anonymizers.text.arrays import Bools
from anonymizers.text.canonical import Canonicalizer
from anonymizers.text.counted_words import WORDS, CountedWords, countable
from anonymizers.text.decoded import DecodedText, decode, may_be_encoded
from anonymizers.text.dummies import has_dummy
from anonymizers.text.lexicon import Lexicon, known_words
from anonymizers.text.masked_column import MaskedColumn, mask_findings, tie_masks
from anonymizers.text.recognizers import Finding, Recognizers
from anonymizers.text.release_rule import Kind, ReleaseRule
from anonymizers.text.scrubber import REDACTED, Mask
from anonymizers.text.settings import TextSettings
from anonymizers.text.spans import Spans, split_texts

_SURROGATE = re.compile("[\ud800-\udfff]")


class ReleasingScrubber:
    """Replace every word and number that is not known to be harmless by a mask such as `<NAME>`.

    A text becomes `<REDACTED>` if it is too long or no Unicode, or if a recognizer fails on it or runs out of
    time. Word lists and recognizers are loaded at the first text.

    Args:
        settings: How free text is anonymized.
        words: Returns the table of `known_words`.
    """

    def __init__(
        self, settings: TextSettings, *, words: Callable[[TextSettings], pl.DataFrame] = known_words
    ) -> None:
        self._settings = settings
        self._words = words

    def scrub(self, texts: Sequence[str]) -> list[str]:
        """Return the n texts with masks in place of what may be personal, in order."""
        return self._answered(texts, None)[0]

    def scrub_counted(
        self, texts: Sequence[str], *, counted: CountedWords | None = None
    ) -> tuple[list[str], pl.DataFrame]:
        """Scrub as `scrub` does, but let counted words stay; return also the words to count, as `WORDS`."""
        answers, words = self._answered(texts, counted)
        return answers, words()

    def _answered(
        self, texts: Sequence[str], counted: CountedWords | None
    ) -> tuple[list[str], Callable[[], pl.DataFrame]]:
        """Return the scrubbed texts, and a function for the words to count, which not everybody needs."""
        numbers, column = self._readable(texts)
        if not numbers:
            return [REDACTED] * len(texts), WORDS.to_frame
        safe, words = self._scrubbed(column, counted)
        if len(numbers) == len(texts):
            return safe.to_list(), words
        answers = [REDACTED] * len(texts)
        for number, answer in zip(numbers, safe, strict=True):
            answers[number] = answer
        return answers, words

    def _scrubbed(
        self, texts: pl.Series, counted: CountedWords | None
    ) -> tuple[pl.Series, Callable[[], pl.DataFrame]]:
        """Scrub canonical texts where nothing is left of their dummies, and the other texts one by one."""
        canonical = self._canonicalizer.canonical(texts)
        masked = self._masked(canonical.distinct, counted)
        answers = masked.written()
        is_alone = has_dummy(answers)[canonical.codes] & canonical.is_changed
        if self._settings.site_recognizers:
            changed = np.flatnonzero(canonical.is_changed)
            is_for_site = self._is_for_site(canonical.distinct)[canonical.codes[changed]]
            is_alone[changed] |= is_for_site | self._is_for_site(texts.gather(changed))
        answers = answers.gather(canonical.codes)
        alone = self._masked(texts.filter(is_alone), counted) if is_alone.any() else None
        if alone is not None:
            answers = answers.scatter(np.flatnonzero(is_alone), alone.written())

        def words() -> pl.DataFrame:
            canonical_texts = canonical.distinct.gather(canonical.codes)
            rows = pl.DataFrame({"text": texts, "canonical": canonical_texts}).filter(~is_alone)
            found = rows.join(masked.words().rename({"text": "canonical"}), on="canonical")
            found = found.select(WORDS.names())
            return found if alone is None else pl.concat([found, alone.words()])

        return answers, words

    def _is_for_site(self, texts: pl.Series) -> Bools:
        """Return the texts in which a recognizer of the site may find something; dummies know of none."""
        may_find = self._recognizers.site_may_find
        found = [
            may_find(text) or (is_encoded and may_find(decode(text).text))
            for text, is_encoded in zip(texts, may_be_encoded(texts), strict=True)
        ]
        return np.array(found, dtype=np.bool_)

    def masks(self, texts: Sequence[str], *, counted: CountedWords | None = None) -> list[list[Mask] | None]:
        """Return the masks that `scrub` would put into each of the n texts; None = all of it is redacted.

        Masks are in order and apart from one another. With ``counted``, those of `scrub_counted`.
        """
        answers: list[list[Mask] | None] = [None] * len(texts)
        numbers, column = self._readable(texts)
        if numbers:
            masked = self._masked(column, counted)
            for place, number in enumerate(numbers):
                answers[number] = masked.masks(place)
        return answers

    def _readable(self, texts: Sequence[str]) -> tuple[Sequence[int], pl.Series]:
        """Return the texts that are Unicode and not too long: their indices, and as a column."""
        longest = self._settings.recognition.longest_bytes
        numbers: Sequence[int] = range(len(texts))
        try:
            column = pl.Series(texts, dtype=pl.String)
        except UnicodeEncodeError:  # half of a surrogate pair, which no column holds
            numbers = [number for number, text in enumerate(texts) if not _SURROGATE.search(text)]
            column = pl.Series([texts[number] for number in numbers], dtype=pl.String)
        fits = column.str.len_bytes() <= longest
        if fits.all():
            return numbers, column
        return [numbers[number] for number in fits.arg_true()], column.filter(fits)

    def _masked(self, texts: pl.Series, counted: CountedWords | None = None) -> MaskedColumn:
        """Decide what is masked of each text as it is, without canonical texts."""
        decoded, too_long = self._decoded(texts)
        read_as = {number: one.text for number, one in decoded.items()} | dict.fromkeys(too_long, "")
        column = texts.clone().scatter(list(read_as), list(read_as.values())) if read_as else texts
        spans = split_texts(column)
        decision, uncommon = self._release_rule.decide(spans)
        kinds = decision.astype(np.int64)
        findings, failed = self._recognizers.find(column)
        in_originals, failed_in_originals = self._found_in_originals(texts, decoded)
        findings += in_originals
        failed |= failed_in_originals | too_long
        names = ["", *(f"<{kind.name}>" for kind in Kind if kind)]
        named_from = self._settings.recognition.named_from_score
        findings = [one for one in findings if one.score >= named_from or not self._is_calendar(column, one)]
        found = mask_findings(findings, spans, kinds, names, named_from=named_from)
        # A decoded text may be put together of anything.
        uncommon &= ~np.isin(spans.text, [*decoded, *failed])
        counts = countable(spans, uncommon, masked_otherwise=found | (kinds > Kind.WORD))
        if counted is not None:
            kinds[counts & _is_released(spans, counts, counted)] = Kind.KEPT
        return MaskedColumn(texts, decoded, spans, *tie_masks(spans, kinds), names, failed, counts)

    def _is_calendar(self, column: pl.Series, finding: Finding) -> bool:
        """Return whether a doubtful finding is a quarter, a year or the day of a sale."""
        text = column[finding.text][finding.start : finding.end]
        return re.fullmatch(self._settings.recognition.calendar, text) is not None

    def _decoded(self, texts: pl.Series) -> tuple[dict[int, DecodedText], set[int]]:
        """Return by index the decoded texts that differ from the original, and those that get too long."""
        # NFKC may lengthen a text, up to eighteen times.
        longest = self._settings.recognition.longest_bytes
        decoded = {number: decode(texts[number]) for number in may_be_encoded(texts).arg_true()}
        decoded = {number: one for number, one in decoded.items() if one.text != texts[number]}
        too_long = {number for number, one in decoded.items() if len(one.text.encode()) > longest}
        return {number: one for number, one in decoded.items() if number not in too_long}, too_long

    def _found_in_originals(
        self, texts: pl.Series, decoded: Mapping[int, DecodedText]
    ) -> tuple[list[Finding], set[int]]:
        """Find what is in the originals of decoded texts, and return it at its place in the decoded ones."""
        numbers = [number for number, one in decoded.items() if len(one.text) != len(texts[number])]
        findings, failed = self._recognizers.find(texts.gather(numbers))
        placed = []
        for finding in findings:
            number = numbers[finding.text]
            start, end = decoded[number].decoded_range(finding.start, finding.end)
            if start < end:
                placed.append(Finding(number, start, end, finding.entity, finding.score))
        return placed, {numbers[text] for text in failed}

    @cached_property
    def _lexicon(self) -> Lexicon:
        return Lexicon.of(self._words(self._settings))

    @cached_property
    def _release_rule(self) -> ReleaseRule:
        return ReleaseRule(self._lexicon, self._settings)

    @cached_property
    def _canonicalizer(self) -> Canonicalizer:
        return Canonicalizer(self._lexicon, self._settings)

    @cached_property
    def _recognizers(self) -> Recognizers:
        return Recognizers(self._settings)


def _is_released(spans: Spans, counts: Bools, counted: CountedWords) -> Bools:
    """Return which of the n spans are words that were counted often enough."""
    asked = np.unique(spans.codes[counts])
    released = np.zeros(len(spans.distinct), dtype=np.bool_)
    if len(asked):
        released[asked] = counted.released(spans.distinct.gather(asked))
    return released[spans.codes]
