"""Texts scrubbed by the release rule: what is known to be harmless stays, the rest is masked by kind."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from anonymizers.text.canonical import StandIns
from anonymizers.text.counted_words import WORDS, CountedWords, countable
from anonymizers.text.decoded import View, differs, read
from anonymizers.text.lexicon import Lexicon, known_words
from anonymizers.text.recognizers import Recognizers, Span
from anonymizers.text.release_rule import Kind, Vocabulary
from anonymizers.text.scrubber import REDACTED, Mask
from anonymizers.text.settings import TextSettings
from anonymizers.text.spans import (
    BLANKS,
    Bools,
    Ints,
    Tiles,
    continues,
    cut,
    following,
    made_of,
    previous,
    rejoined,
)
from anonymizers.unicode import without_format_characters

# What may stand between two masks of one kind that read as one.
_TIES = f".-/()+,'’&{BLANKS}"
_LONGEST_TIE = 3


class ReleasingScrubber:
    """Replaces every word and number that is not known to be harmless by a mask such as `<NAME>`.

    A text that is too long, that breaks a recognizer or that outlasts one becomes `<REDACTED>`. Word lists
    and recognizers load at the first text.

    Args:
        settings: How free text is anonymized.
        words: What gives `known_words`.
    """

    def __init__(
        self, settings: TextSettings, *, words: Callable[[TextSettings], pl.DataFrame] = known_words
    ) -> None:
        self._settings = settings
        self._words = words

    def scrub(self, texts: Sequence[str]) -> list[str]:
        """Replace what may be personal in each text; as many, in the same order."""
        return self._answered(texts, None)[0]

    def scrub_counted(
        self, texts: Sequence[str], *, counted: CountedWords | None = None
    ) -> tuple[list[str], pl.DataFrame]:
        """As `scrub`, but counted words stay; and the words (`WORDS`) that the texts give to count."""
        answers, words = self._answered(texts, counted)
        return answers, words()

    def _answered(
        self, texts: Sequence[str], counted: CountedWords | None
    ) -> tuple[list[str], Callable[[], pl.DataFrame]]:
        """The answers, and how to get at the words to count, which not everybody wants."""
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
        """By their stand-ins, where those are masked as they should be; one by one elsewhere."""
        alike = self._stand_ins.of(texts)
        marked = self._marked(alike.stand_ins, counted)
        answers = marked.written()
        is_alone = StandIns.are_seen(answers)[alike.of] & alike.is_replaced
        if self._settings.site_recognizers:
            replaced = np.flatnonzero(alike.is_replaced)
            is_for_site = self._is_for_site(alike.stand_ins)[alike.of[replaced]]
            is_alone[replaced] |= is_for_site | self._is_for_site(texts.gather(replaced))
        answers = answers.gather(alike.of)
        alone = self._marked(texts.filter(is_alone), counted) if is_alone.any() else None
        if alone is not None:
            answers = answers.scatter(np.flatnonzero(is_alone), alone.written())

        def words() -> pl.DataFrame:
            stand_ins = alike.stand_ins.gather(alike.of)
            by_stand_in = pl.DataFrame({"text": texts, "stand_in": stand_ins}).filter(~is_alone)
            of_stand_ins = marked.words().rename({"text": "stand_in"})
            found = by_stand_in.join(of_stand_ins, on="stand_in").select(WORDS.names())
            return found if alone is None else pl.concat([found, alone.words()])

        return answers, words

    def _is_for_site(self, texts: pl.Series) -> Bools:
        """In which texts a site's recognizer may find something: stand-ins know of none of them."""
        may_find = self._recognizers.may_find_of_site
        found = [
            may_find(text) or (may_differ and may_find(read(text).text))
            for text, may_differ in zip(texts, differs(texts), strict=True)
        ]
        return np.array(found, dtype=np.bool_)

    def masks(self, texts: Sequence[str], *, counted: CountedWords | None = None) -> list[list[Mask] | None]:
        """What `scrub` would mask of each text, in order and apart from one another; None = all of it.

        With ``counted``, what `scrub_counted` would mask.
        """
        answers: list[list[Mask] | None] = [None] * len(texts)
        numbers, column = self._readable(texts)
        if numbers:
            marked = self._marked(column, counted)
            for place, number in enumerate(numbers):
                answers[number] = marked.masks(place)
        return answers

    def _readable(self, texts: Sequence[str]) -> tuple[Sequence[int], pl.Series]:
        """The texts that can be read, by number and as a column."""
        longest = self._settings.recognition.longest_bytes
        numbers: Sequence[int] = range(len(texts))
        try:
            column = pl.Series(texts, dtype=pl.String)
        except UnicodeEncodeError:  # half of a surrogate pair, which no column holds
            numbers = [number for number, text in enumerate(texts) if _is_unicode(text)]
            column = pl.Series([texts[number] for number in numbers], dtype=pl.String)
        fits = column.str.len_bytes() <= longest
        if fits.all():
            return numbers, column
        return [numbers[number] for number in fits.arg_true()], column.filter(fits)

    def _marked(self, texts: pl.Series, counted: CountedWords | None = None) -> "_Marked":
        views = {number: read(texts[number]) for number in differs(texts).arg_true()}
        views = {number: view for number, view in views.items() if view.text != texts[number]}
        # NFKC may lengthen a text, up to eighteen times.
        longest = self._settings.recognition.longest_bytes
        too_long = {number for number, view in views.items() if len(view.text.encode()) > longest}
        views = {number: view for number, view in views.items() if number not in too_long}
        read_as = {number: view.text for number, view in views.items()} | dict.fromkeys(too_long, "")
        column = texts.clone().scatter(list(read_as), list(read_as.values())) if read_as else texts
        tiles = cut(column)
        decided, uncommon = self._vocabulary.unreleased(tiles)
        kinds = decided.astype(np.int64)
        spans, broken = self._recognizers.find(column)
        as_written, broken_as_written = self._found_as_written(texts, views)
        spans += as_written
        broken |= broken_as_written | too_long
        names = ["", *(f"<{kind.name}>" for kind in Kind if kind)]
        found = _lay(spans, tiles, kinds, names, named_from=self._settings.recognition.named_from_score)
        # What reads as something else than is written may be put together of anything.
        uncommon &= ~np.isin(tiles.text, [*views, *broken])
        counts = countable(tiles, uncommon, masked_otherwise=found | (kinds > Kind.WORD))
        if counted is not None:
            kinds[counts & _stays(tiles, counts, counted)] = Kind.KEPT
        return _Marked(texts, views, tiles, *_tied(tiles, kinds), names, broken, counts)

    def _found_as_written(self, texts: pl.Series, views: Mapping[int, View]) -> tuple[list[Span], set[int]]:
        """What is found in decoded texts as they were written, at its place in what they read as."""
        numbers = [number for number, view in views.items() if len(view.text) != len(texts[number])]
        spans, broken = self._recognizers.find(texts.gather(numbers))
        placed = []
        for span in spans:
            number = numbers[span.text]
            start, end = views[number].within(span.start, span.end)
            if start < end:
                placed.append(Span(number, start, end, span.entity, span.score))
        return placed, {numbers[text] for text in broken}

    @cached_property
    def _lexicon(self) -> Lexicon:
        return Lexicon.of(self._words(self._settings))

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return Vocabulary(self._lexicon, self._settings)

    @cached_property
    def _stand_ins(self) -> StandIns:
        return StandIns(self._lexicon, self._settings)

    @cached_property
    def _recognizers(self) -> Recognizers:
        return Recognizers(self._settings)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _stays(tiles: Tiles, counts: Bools, counted: CountedWords) -> Bools:
    """Which tiles are words that were counted often enough."""
    asked = np.unique(tiles.codes[counts])
    stays = np.zeros(len(tiles.distinct), dtype=np.bool_)
    if len(asked):
        stays[asked] = counted.released(tiles.distinct.gather(asked))
    return stays[tiles.codes]


def _lay(spans: list[Span], tiles: Tiles, kinds: Ints, names: list[str], *, named_from: float) -> Bools:
    """Write spans over the tiles that they touch; of two on one tile, the surer counts, then the longer.

    What stands between words is masked only where a span covers all of it.

    Returns:
        Which tiles are within a span.
    """
    found = np.zeros(len(tiles), dtype=np.bool_)
    if not spans:
        return found
    texts, starts, ends = (
        np.array([getattr(span, name) for span in spans]) for name in ("text", "start", "end")
    )
    scores = np.array([span.score for span in spans])
    numbers = {name: number for number, name in enumerate(names)}
    named = np.array([numbers.setdefault(f"<{span.entity}>", len(numbers)) for span in spans])
    names[:] = numbers
    starts, ends = tiles.text_start[texts] + starts, tiles.text_start[texts] + ends
    ends_of_tiles = np.append(tiles.start[1:], tiles.text_start[-1])
    firsts = np.searchsorted(tiles.start, starts, side="right") - 1
    lasts = np.searchsorted(tiles.start, ends, side="left") - 1
    is_between = tiles.between()[tiles.codes]
    begins = firsts + (is_between[firsts] & (tiles.start[firsts] < starts))
    stops = lasts + 1 - (is_between[lasts] & (ends_of_tiles[lasts] > ends))
    surest_last = np.lexsort((ends - starts, scores))
    of_span, touched = _unrolled(begins[surest_last], stops[surest_last])
    found[touched] = True
    is_named = scores[surest_last][of_span] >= named_from
    doubtful = touched[~is_named]
    kinds[doubtful[kinds[doubtful] == Kind.KEPT]] = Kind.NUMBER
    # Of several values for one place NumPy assigns the last.
    kinds[touched[is_named]] = named[surest_last][of_span[is_named]]
    return found


def _unrolled(begins: Ints, stops: Ints) -> tuple[Ints, Ints]:
    """All numbers from each beginning up to its end, one range behind the other, and the range of each."""
    lengths = np.maximum(stops - begins, 0)
    of_range = np.repeat(np.arange(len(lengths)), lengths)
    return of_range, np.arange(len(of_range)) - np.repeat(np.cumsum(lengths) - lengths - begins, lengths)


def _tied(tiles: Tiles, kinds: Ints) -> tuple[Ints, Bools]:
    """The kinds, with what ties two masks of one kind together, and where masks begin."""
    same_text, before = continues(tiles.text), previous(kinds)
    may_tie = tiles.distinct.to_frame("tile").select_seq(made_of(pl.col("tile"), _TIES, most=_LONGEST_TIE))
    ties = may_tie.to_series().to_numpy()[tiles.codes] & (kinds == 0)
    tied = ties & same_text & following(same_text) & (before == following(kinds))
    shown = np.where(tied, before, kinds)
    return shown, (shown > 0) & ~(same_text & (shown == previous(shown)))


@dataclass(frozen=True, slots=True)
class _Marked:
    """A column, and what of it is masked.

    Attributes:
        texts: The texts as they were written.
        views: What some of them read as.
        tiles: The tiles of the texts as they read.
        kinds: Index into ``names`` of what masks each tile; 0 = it stays.
        begins: Where a mask begins.
        names: What masks read; the first is empty.
        broken: Texts nobody vouches for.
        countable: Tiles that are words to be counted.
    """

    texts: pl.Series
    views: dict[int, View]
    tiles: Tiles
    kinds: Ints
    begins: Bools
    names: Sequence[str]
    broken: set[int]
    countable: Bools

    def words(self) -> pl.DataFrame:
        """The words that the texts give to count, as `WORDS`."""
        texts = self.texts.gather(self.tiles.text[self.countable])
        words = self.tiles.distinct.gather(self.tiles.codes[self.countable])
        return pl.DataFrame({"text": texts, "word": words}, schema=WORDS).unique()

    def written(self) -> pl.Series:
        """The texts with masks in place of what they mask."""
        tiles, blank = self.tiles, len(self.tiles.distinct)
        codes = np.where(self.kinds > 0, blank + self.kinds * self.begins, tiles.codes)
        placeholders = pl.Series("tile", self.names, dtype=pl.String)
        answers = rejoined(tiles, codes, pl.concat([tiles.distinct.rename("tile"), placeholders]))
        answers = answers.scatter(list(self.views), [self._replaced(number) for number in self.views])
        return answers.scatter(list(self.broken), REDACTED)

    def masks(self, number: int) -> list[Mask] | None:
        """What is masked of one text; None = all of it."""
        return None if number in self.broken else list(self._masks(number))

    def _replaced(self, number: int) -> str:
        text, parts, position = self.texts[number], [], 0
        for mask in self._masks(number):
            parts += [without_format_characters(text[position : mask.start]), mask.name]
            position = mask.end
        return "".join([*parts, without_format_characters(text[position:])])

    def _masks(self, number: int) -> Iterator[Mask]:
        """Masks in the text as it was written, where two that overlap are one."""
        last: Mask | None = None
        for mask in self._masks_of_view(number):
            if last and mask.start < last.end:
                last = Mask(min(last.start, mask.start), max(last.end, mask.end), last.name)
                continue
            if last:
                yield last
            last = mask
        if last:
            yield last

    def _masks_of_view(self, number: int) -> Iterator[Mask]:
        tiles = self.tiles
        first, last = np.searchsorted(tiles.text, [number, number + 1])
        offset, end_of_text = tiles.text_start[number], tiles.text_start[number + 1]
        ends = np.append(tiles.start[first + 1 : last], end_of_text) - offset
        starts = tiles.start[first:last] - offset
        view = self.views.get(number)
        kinds, begins = self.kinds[first:last].tolist(), self.begins[first:last].tolist()
        opened = 0
        for at, (kind, begin) in enumerate(zip(kinds, begins, strict=True)):
            if begin:
                opened = at
            if kind and (at + 1 == len(kinds) or begins[at + 1] or not kinds[at + 1]):
                start, end = int(starts[opened]), int(ends[at])
                yield Mask(*(view.place(start, end) if view else (start, end)), self.names[kind])
