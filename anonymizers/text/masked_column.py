"""Mask spans of a column of texts: by what recognizers found, and written back into the original texts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from anonymizers.text.arrays import Bools, Ints, following, previous, same_as_previous
from anonymizers.text.counted_words import WORDS
from anonymizers.text.decoded import DecodedText
from anonymizers.text.recognizers import Finding
from anonymizers.text.release_rule import Kind
from anonymizers.text.scrubber import REDACTED, Mask, merged
from anonymizers.text.spans import BLANKS, Spans, made_of, rejoined
from anonymizers.unicode import without_format_characters

# What may stand between two masks of one kind that are written as one.
_TIES = f".-/()+,'’&{BLANKS}"
_LONGEST_TIE = 3


def mask_findings(
    findings: Sequence[Finding], spans: Spans, kinds: Ints, names: list[str], *, named_from: float
) -> Bools:
    """Mask all spans that findings touch; of two findings on one span the surer counts, then the longer.

    A separator is masked only where a finding covers all of it.

    Args:
        findings: What was found in the texts.
        spans: The texts as n spans.
        kinds: Index into ``names`` of what masks each of the n spans, 0 = nothing; changed in place.
        names: What masks read; names of entities are added in place.
        named_from: Score from which a mask names the entity; below, what is not masked yet is `<NUMBER>`.

    Returns:
        Which of the n spans are part of a finding.
    """
    found = np.zeros(len(spans), dtype=np.bool_)
    if not findings:
        return found
    texts, starts, ends = (
        np.array([getattr(finding, name) for finding in findings]) for name in ("text", "start", "end")
    )
    scores = np.array([finding.score for finding in findings])
    numbers = {name: number for number, name in enumerate(names)}
    named = np.array([numbers.setdefault(f"<{finding.entity}>", len(numbers)) for finding in findings])
    names[:] = numbers
    starts, ends = spans.text_start[texts] + starts, spans.text_start[texts] + ends
    span_ends = np.append(spans.start[1:], spans.text_start[-1])
    firsts = np.searchsorted(spans.start, starts, side="right") - 1
    lasts = np.searchsorted(spans.start, ends, side="left") - 1
    is_separator = spans.is_separator()[spans.codes]
    begins = firsts + (is_separator[firsts] & (spans.start[firsts] < starts))
    stops = lasts + 1 - (is_separator[lasts] & (span_ends[lasts] > ends))
    surest_last = np.lexsort((ends - starts, scores))
    of_finding, touched = _unrolled(begins[surest_last], stops[surest_last])
    found[touched] = True
    is_named = scores[surest_last][of_finding] >= named_from
    doubtful = touched[~is_named]
    kinds[doubtful[kinds[doubtful] == Kind.KEPT]] = Kind.NUMBER
    # Of several values for one place NumPy assigns the last.
    kinds[touched[is_named]] = named[surest_last][of_finding[is_named]]
    return found


def _unrolled(begins: Ints, stops: Ints) -> tuple[Ints, Ints]:
    """Return all whole numbers of each range, one range after another, after the index of their range."""
    lengths = np.maximum(stops - begins, 0)
    of_range = np.repeat(np.arange(len(lengths)), lengths)
    return of_range, np.arange(len(of_range)) - np.repeat(np.cumsum(lengths) - lengths - begins, lengths)


def tie_masks(spans: Spans, kinds: Ints) -> tuple[Ints, Bools]:
    """Join two masks of one kind with little between them, as of `Anna Schmidt`, to one.

    Returns:
        The kinds of the n spans, with those of the separators between joined masks, and where masks begin.
    """
    same_text, before = same_as_previous(spans.text), previous(kinds)
    may_tie = spans.distinct.to_frame("span").select_seq(made_of(pl.col("span"), _TIES, most=_LONGEST_TIE))
    ties = may_tie.to_series().to_numpy()[spans.codes] & (kinds == 0)
    tied = ties & same_text & following(same_text) & (before == following(kinds))
    shown = np.where(tied, before, kinds)
    return shown, (shown > 0) & ~(same_text & (shown == previous(shown)))


@dataclass(frozen=True, slots=True)
class MaskedColumn:
    """Hold t texts as n spans, and which of the spans are masked.

    Attributes:
        texts: The t original texts.
        decoded: What some of them decode to, by index.
        spans: The spans of the decoded texts.
        kinds: Index into ``names`` of what masks each of the n spans; 0 = it stays.
        begins: Whether a mask begins at each of the n spans.
        names: What masks read; the first is empty.
        failed: Indices of texts that are redacted as a whole.
        countable: Whether each of the n spans is a word to be counted.
    """

    texts: pl.Series
    decoded: Mapping[int, DecodedText]
    spans: Spans
    kinds: Ints
    begins: Bools
    names: Sequence[str]
    failed: set[int]
    countable: Bools

    def words(self) -> pl.DataFrame:
        """Return the words that the texts give to count, as `WORDS`."""
        texts = self.texts.gather(self.spans.text[self.countable])
        words = self.spans.distinct.gather(self.spans.codes[self.countable])
        return pl.DataFrame({"text": texts, "word": words}, schema=WORDS).unique()

    def written(self) -> pl.Series:
        """Return the t texts with masks in place of what they mask, in order."""
        spans, unmasked = self.spans, len(self.spans.distinct)
        codes = np.where(self.kinds > 0, unmasked + self.kinds * self.begins, spans.codes)
        names = pl.Series("span", self.names, dtype=pl.String)
        answers = rejoined(spans, codes, pl.concat([spans.distinct.rename("span"), names]))
        answers = answers.scatter(list(self.decoded), [self._masked_original(text) for text in self.decoded])
        return answers.scatter(list(self.failed), REDACTED)

    def masks(self, text: int) -> list[Mask] | None:
        """Return what is masked of the text of an index, in order and apart; None = all of it."""
        return None if text in self.failed else list(merged(self._masks(text)))

    def _masked_original(self, text: int) -> str:
        original, parts, position = self.texts[text], [], 0
        for mask in merged(self._masks(text)):
            parts += [without_format_characters(original[position : mask.start]), mask.name]
            position = mask.end
        return "".join([*parts, without_format_characters(original[position:])])

    def _masks(self, text: int) -> Iterator[Mask]:
        """Yield the masks of a text in order of its spans; in the original they may overlap."""
        spans = self.spans
        first, last = np.searchsorted(spans.text, [text, text + 1])
        offset, end_of_text = spans.text_start[text], spans.text_start[text + 1]
        ends = np.append(spans.start[first + 1 : last], end_of_text) - offset
        starts = spans.start[first:last] - offset
        decoded = self.decoded.get(text)
        kinds, begins = self.kinds[first:last].tolist(), self.begins[first:last].tolist()
        opened = 0
        for at, (kind, begin) in enumerate(zip(kinds, begins, strict=True)):
            if begin:
                opened = at
            if kind and (at + 1 == len(kinds) or begins[at + 1] or not kinds[at + 1]):
                start, end = int(starts[opened]), int(ends[at])
                place = decoded.original_range(start, end) if decoded else (start, end)
                yield Mask(*place, self.names[kind])
