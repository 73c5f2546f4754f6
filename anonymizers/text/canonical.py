"""Texts that differ only in what is masked anyway: one stand-in for all of them is scrubbed once.

A million sends of a campaign are a few hundred texts with names, numbers, dates and links merged in. What is
merged in gives way to a name, a number, a date and a link that the rule is known to mask, so that the
stand-ins are as few as the templates. If one of those is seen in what is left of a stand-in, its texts are
scrubbed one by one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from anonymizers.text.lexicon import Lexicon, bare, positions
from anonymizers.text.release_rule import INFLECTS, LONGEST_ENDING, LOUD, PARTICLES, SURNAMES, is_in
from anonymizers.text.settings import TextSettings
from anonymizers.text.spans import (
    Bools,
    Ints,
    encoded,
    encoded_parts,
    encoded_rows,
    following,
    joined,
    previous,
)

# A name of Faker's that wordfreq does not know: masked in whatever text it stands.
NAME = "hildburg"
# How far names reach: `Ana Maria` draws in two more words on either side.
_DRAWN = 2
_PAGE = "welcome"
_DATE = "11.11.2011"

_OPENING, _CLOSING = r"[¡¿(\"']?", r"[)\"'!?.,;:]{0,3}"
_NO_YEAR = r"(?:[03-9]\d|1[0-8]|2[1-9])\d\d"
_STOPS = r"[)!?.,;:]{0,2}"
_ENDING = rf"(?:{'|'.join(map(re.escape, sorted(INFLECTS)))})\p{{Ll}}{{1,{LONGEST_ENDING}}}\)?$"
# What a name may stand before and behind: words, and what is in brackets. With a number it may be an address.
_BEGINS_PLAIN = r"^(?:[¡¿\"']?\p{L}|[(<\[+]|$)"
_ENDS_PLAIN = r"(?:\p{L}[\"'!?.,;:]{0,3}|[)>\]][\"'!?.,;:]{0,3}|^)$"
_CASED = r"\p{Lu}\p{Ll}+(?:-\p{Lu}\p{Ll}+)?|\p{Lu}+(?:-\p{Lu}+)?|\p{Ll}+(?:-\p{Ll}+)?"
_WORD = rf"^({_OPENING})({_CASED})({_CLOSING})$"
# Words that are masked for what they are like, and what makes of each one that is masked, too. Longer ones
# are left alone.
_LONGEST_SHAPE = 128
Shapes = Sequence[tuple[str, Sequence[tuple[str, str]]]]
_SHAPES: Shapes = (
    (
        r"^https?://[A-Za-z0-9.\-]+/(?:[a-z]+/)*[A-Za-z0-9_\-]{6}[A-Za-z0-9_\-]*[!?.,;:]?$",
        ((r"[A-Za-z0-9_\-]+([!?.,;:]?)$", rf"{_PAGE}${{1}}"),),
    ),
    (
        r"^[<(\[\"']?[A-Za-z0-9_.+\-]+@[A-Za-z0-9.\-]+\.[A-Za-z]+[>)\]\"'.,;:]{0,3}$",
        ((r"[A-Za-z0-9_.+\-]+@[A-Za-z0-9.\-]+\.[A-Za-z]+", f"{NAME}@example.com"),),
    ),
    (r"^[0-9]{1,3}(?:\.[0-9]{1,3}){3}[),;:]{0,2}$", ((r"[0-9.]*[0-9]", "203.0.113.47"),)),
    (r"^wamid\.[A-Za-z0-9+/=_\-]+$", ((r"^.*$", "wamid.A4711B4711"),)),
    (r"^[a-f]*(?:[0-9]+[a-f]+){2,}[0-9]*$", ((r"^.*$", "4711a4711b"),)),
)
# What a word must have to be of one of these shapes.
_SIGNS = ["://", "@", "wamid.", *"0123456789"]
# The same, where no digits stand beside them: dates, amounts of four digits or more, and one number of three
# to six digits that is no year, behind whatever is no address of any kind.
_NUMBERS: Shapes = (
    (
        rf"^\d{{1,2}}[./\-]\d{{1,2}}[./\-](?:\d\d)?\d\d{_STOPS}$",
        ((r"^.*\d", _DATE),),
    ),
    (
        r"^[^\p{L}\p{N}]?(?:\d\d\d?[.,]\d\d|\d{1,3}(?:[.,]\d{3})+(?:[.,]\d\d)?)[€)!?.,;:]{0,2}$",
        ((r"^(\D?)\d+", "${1}777"), (r"\d", "7")),
    ),
    (
        rf"^[#(]?(?:[A-Za-z]{{1,4}}\d{{0,2}}-)?(?:20\d\d-)?(?:\d{{3}}|{_NO_YEAR}|\d{{5,6}}){_STOPS}$",
        ((r"\d", "1"), (r"^[A-Za-z]11?-", "X11-"), (rf"1{{3,6}}({_STOPS})$", "4711${1}")),
    ),
)
# The same, where it is more than a word; tried where the first of the three is found.
_SPANS = (
    (r"[/\\](?i:home|users)[/\\]", r"([/\\](?i:home|users)[/\\])[\w.\-]+", rf"${{1}}{NAME}"),
    (r"\+\d", r"(^|[\s(\"'])\+\d{1,3}(?:[ \-]\d{2,7}){1,4}", "${1}+49 171 4711472"),
    (r"0[0-9]{2,4} [0-9]", r"(^|[\s(\"'])0\d{2,4} \d{5,8}", "${1}0171 4711472"),
    (r"\(\d", r"\(\d{3}\) \d{3}-\d{4}", "(202) 555-4711"),
)


@dataclass(frozen=True, slots=True)
class Alike:
    """Texts that are masked alike.

    Attributes:
        stand_ins: What stands in for them.
        of: Which stand-in each text has.
        is_replaced: Which texts are not their own stand-in.
    """

    stand_ins: pl.Series
    of: Ints
    is_replaced: Bools


# Which of the words, and what stands in for each of those.
Replaced = tuple[Ints, pl.Series]


@dataclass(frozen=True, slots=True)
class _Names:
    """What a name stands in for, of distinct words.

    Attributes:
        spelt: Which words a name may stand in for, and the name with what is written around each.
        shouted: The same of words in capitals, with the name in capitals.
        always: Masked in every language, wherever it stands.
        greeted: Masked behind a greeting.
        within: Masked within a sentence.
        surname: Masked behind somebody who is greeted.
        called: Masked at the beginning of a text, before a comma.
        after_another: Masked behind a name.
        before_another: Masked before a name.
    """

    spelt: Replaced
    shouted: Replaced
    always: Bools
    greeted: Bools
    within: Bools
    surname: Bools
    called: Bools
    after_another: Bools
    before_another: Bools


class StandIns:
    """Finds the stand-ins of texts by what is known of words."""

    def __init__(self, lexicon: Lexicon, settings: TextSettings) -> None:
        self._lexicon = lexicon
        self._settings = settings
        self._parts = pl.col("text").str.extract_groups(_WORD)
        word, bare_word = pl.col("word"), pl.col("bare_word")
        self._bare_word = word.str.strip_chars(r"¡¿(\"'").str.to_lowercase().str.replace(_ENDING, "")
        self._told_by_itself = {
            "has_digits": word.str.contains(r"\p{N}"),
            "begins_plain": word.str.contains(_BEGINS_PLAIN),
            "ends_plain": word.str.contains(_ENDS_PLAIN),
            "is_open": word.str.contains(r"\p{L}$"),
            "ends_in_comma": word.str.ends_with(","),
            "greets": is_in(bare_word, settings.greetings),
            "begins_greeting": is_in(bare_word, settings.greetings_begin),
            "ends_greeting": is_in(bare_word, settings.greetings_end),
            "capitals": word.str.count_matches(r"\p{Lu}{2,}").clip(0, LOUD).cast(pl.UInt8),
            "may_have_shape": word.str.contains_any(_SIGNS),
        }
        half = pl.col("half")
        lower, upper = half.str.to_lowercase(), half.str.to_uppercase()
        self._told_of_halves = {
            "lower": lower,
            "bare": bare(half),
            "means_something": is_in(lower, _meaning(settings)),
            # One capital: words in capitals throughout may be shouted.
            "capital": (half != lower) & (half != upper),
        }

    def of(self, texts: pl.Series) -> Alike:
        """The stand-ins of texts, of one at least; a text's own where nothing is known to be masked."""
        with_spans = self._with_spans(texts)
        lists = with_spans.str.split(" ")
        distinct, code = encoded_parts(lists)
        offsets = np.concatenate([[0], np.cumsum(lists.list.len().to_numpy().astype(np.int64))])
        words, replaced = self._replaced(distinct, code, offsets)
        differs = np.logical_or.reduceat(replaced != code, offsets[:-1])
        rows, ends, row = encoded_rows(replaced, offsets)
        known, number = encoded(
            joined(words, rows, ends, by=" ").str.replace_all(self._names_in_row, "${1} ${1}")
        )
        return Alike(known, number.to_numpy()[row], (with_spans != texts).to_numpy() | differs)

    def _replaced(self, distinct: pl.Series, code: Ints, offsets: Ints) -> tuple[pl.Series, Ints]:
        """Words and their stand-ins, and which of them stands at each place of texts."""
        is_first = np.zeros(len(code) + 1, dtype=bool)
        is_first[offsets] = True

        def before(holds: Bools) -> Bools:
            return previous(holds) & ~is_first[:-1]

        def after(holds: Bools) -> Bools:
            return following(holds) & ~is_first[1:]

        frame = distinct.to_frame("word").with_columns_seq(bare_word=self._bare_word)
        by_itself = frame.select_seq(**self._told_by_itself)

        def told(name: str) -> NDArray[Any]:
            return by_itself[name].to_numpy()[code]

        among_words = ~(before(~told("ends_plain")) | after(~told("begins_plain")))
        names = self._names(distinct, by_itself["has_digits"])
        greeted = before(told("greets") | told("ends_greeting") & before(told("begins_greeting")))
        is_open, ends_in_comma = told("is_open"), told("ends_in_comma")
        called, is_within = is_first[:-1] & ends_in_comma, before(is_open | ends_in_comma)
        is_name = names.greeted[code] & greeted
        for _ in range(SURNAMES):
            is_name |= names.surname[code] & before(is_name & is_open)
        is_name |= names.always[code] | names.within[code] & is_within | names.called[code] & called
        for _ in range(_DRAWN):
            is_name &= among_words
            is_name |= names.after_another[code] & before(is_name & is_open)
            is_name |= names.before_another[code] & is_open & after(is_name)
        # Whether words in capitals say something depends on how many there are.
        counts = np.add.reduceat(told("capitals"), offsets[:-1], dtype=np.int64)
        is_loud = np.repeat(counts >= LOUD, np.diff(offsets))
        is_number = told("has_digits")
        is_alone = ~(before(is_number) | after(is_number))
        stand_ins, replaced = distinct, code.copy()
        for (words, wanted), at in (
            (names.spelt, is_name & among_words),
            (names.shouted, is_name & among_words & is_loud),
            (_reshaped(distinct, by_itself["has_digits"], _NUMBERS), is_alone),
            (_reshaped(distinct, by_itself["may_have_shape"], _SHAPES), True),
        ):
            known, number = encoded(wanted)
            of_word = np.zeros(len(distinct), dtype=np.int64)
            of_word[words] = len(stand_ins) + number.to_numpy()
            places = np.flatnonzero((of_word > 0)[code] & at)
            replaced[places] = of_word[code[places]]
            stand_ins = pl.concat([stand_ins, known])
        return stand_ins, replaced

    @cached_property
    def _names_in_row(self) -> str:
        """A name or two side by side, be it with particles (`da Silva e Souza`): one mask in either case.

        Both are made two, not one: with fewer words that it does not know, a text of no known language would
        seem to be in one.
        """
        particles = "|".join(sorted(self._settings.particles))
        another = rf" (?i:(?:(?:{particles}) ){{0,{PARTICLES}}}{NAME})"
        return rf"({NAME.title()}|{NAME.upper()})(?:{another})?"

    @staticmethod
    def are_seen(answers: pl.Series) -> Bools:
        """In which answers something stayed of what stands in for others."""
        return answers.str.contains(rf"(?i){NAME}|/{_PAGE}|\d{{3}}").to_numpy()

    def _with_spans(self, texts: pl.Series) -> pl.Series:
        spans = (*self._dates, *_SPANS)
        at = texts.str.contains("|".join(sign for sign, _, _ in spans)).arg_true()
        if not len(at):
            return texts
        some = texts.gather(at)
        for sign, pattern, stand_in in spans:
            has_sign = some.str.contains(sign).arg_true()
            if len(has_sign):
                some = some.scatter(has_sign, some.gather(has_sign).str.replace_all(pattern, stand_in))
        return texts.clone().scatter(at, some)

    @cached_property
    def _dates(self) -> tuple[tuple[str, str, str], ...]:
        """What the recognizer of written dates takes for one."""
        (recognizer,) = (one for one in self._settings.recognizers if one.name == "written_date")
        # Without boundaries of words, which cost Polars most; the recognizer has them, and sees what is left.
        patterns = ("(?i)" + pattern.regex.replace(r"\b", "") for pattern in recognizer.patterns or ())
        signs = (f"{before} (?:19|20)[0-9]{{2}}" for before in ("[A-Za-z.,]", "[0-9],?"))
        return tuple((*each, _DATE) for each in zip(signs, patterns, strict=True))

    def _names(self, distinct: pl.Series, has_digits: pl.Series) -> _Names:
        """Decides by the halves of each word, as of `Anna-Lena`: all of them must be masked."""
        s = self._settings.vocabulary
        word = pl.col("word")
        frame = distinct.to_frame("text").with_row_index("of").filter(~has_digits)
        words = frame.select_seq("of", self._parts).unnest("text")
        words.columns = ["of", "opening", "word", "closing"]
        is_plain = word == word.str.normalize("NFKC")
        words = words.filter(is_plain, word.str.len_chars().is_between(2, s.longest_word))
        halves = words.select_seq("of", half=word.str.split("-")).explode("half")
        halves = halves.select_seq("of", **self._told_of_halves)
        of, capital = halves["of"].to_numpy(), halves["capital"].to_numpy()
        means_something = halves["means_something"].to_numpy()

        known = positions(self._lexicon.bare, halves["bare"])
        is_known = known >= 0
        is_name = is_known & (self._lexicon.name_lists[known] > 0)
        is_place = is_known & self._lexicon.is_place[known]
        is_country = is_known & self._lexicon.is_country[known]
        common = self._common(halves["lower"])
        is_rare = common < np.where(capital, s.common_though_a_name_first, s.common_though_a_name)
        may_be_one = is_known & (common < s.common_though_a_name_within)
        is_written_as_one = capital & may_be_one

        def throughout(holds: Bools) -> Bools:
            all_do = np.zeros(len(distinct), dtype=bool)
            all_do[of] = True
            all_do[of[~holds | means_something]] = False
            return all_do

        return _Names(
            spelt=_spelt(words, NAME.title()),
            shouted=_spelt(words.filter(word == word.str.to_uppercase()), NAME.upper()),
            always=throughout((is_name & is_rare | capital & ~is_place & (common < s.common)) & ~is_country),
            greeted=throughout(capital | may_be_one),
            within=throughout(is_written_as_one),
            surname=throughout(is_name & may_be_one),
            called=throughout(is_written_as_one | is_name & (common < s.common_though_a_name_first)),
            after_another=throughout(capital),
            before_another=throughout(capital & (may_be_one | (common < s.common_beside_a_name))),
        )

    def _common(self, words: pl.Series) -> NDArray[np.float32]:
        """How common each word, in lower case, is in the language in which it is most common."""
        known = positions(self._lexicon.words, words)
        return np.where(known >= 0, self._lexicon.zipf[known].max(axis=1), np.float32(0))


def _meaning(settings: TextSettings) -> frozenset[str]:
    """Words that mean something to the rule or to a recognizer."""
    patterns = (pattern.regex for one in settings.recognizers for pattern in one.patterns or ())
    literals = (re.findall(r"[^\W\d_]{3,}", pattern.lower()) for pattern in patterns)
    return settings.no_names.union(
        settings.greetings,
        settings.titles,
        settings.after_greetings,
        settings.streets,
        settings.particles,
        settings.number_words,
        *literals,
    )


def _spelt(words: pl.DataFrame, name: str) -> Replaced:
    spelt = words.select(pl.concat_str("opening", pl.lit(name), "closing").alias("spelt"))["spelt"]
    return words["of"].to_numpy(), spelt


def _reshaped(words: pl.Series, may_be_one: pl.Series, shapes: Shapes) -> Replaced:
    """Which of some words are of a shape, and what the first of theirs makes of them."""
    at = (may_be_one & (words.str.len_bytes() <= _LONGEST_SHAPE)).arg_true().to_numpy()
    places, made = [at[:0]], [words.clear()]
    for shape, changes in shapes if len(at) else ():
        is_one = words.gather(at).str.contains(shape).to_numpy()
        if not is_one.any():
            continue
        one = words.gather(at[is_one])
        for pattern, by in changes:
            one = one.str.replace_all(pattern, by)
        places.append(at[is_one])
        made.append(one)
        at = at[~is_one]
    return np.concatenate(places), pl.concat(made)
