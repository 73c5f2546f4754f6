"""Replace what is masked for its form, wherever it stands, by a dummy value of its kind that is masked, too.

Links, addresses, numbers, dates: the dummies are the same for all texts, so that texts become alike.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from anonymizers.text.arrays import Bools, Ints
from anonymizers.text.settings import RecognizerSettings

# A name of Faker's that wordfreq does not know: masked in whatever text it stands.
NAME = "hildburg"
_PAGE = "welcome"
_DATE = "11.11.2011"

_NO_YEAR = r"(?:[03-9]\d|1[0-8]|2[1-9])\d\d"
_STOPS = r"[)!?.,;:]{0,2}"
# Longer words are left alone.
_LONGEST = 128
# Patterns of words, and for each what to replace in a word that matches, in order.
Shapes = Sequence[tuple[str, Sequence[tuple[str, str]]]]
# Words that are masked whatever stands beside them.
SHAPES: Shapes = (
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
# What a word must contain to be of one of these shapes.
SIGNS = ["://", "@", "wamid.", *"0123456789"]
# Words that are masked unless digits stand beside them: dates, amounts of four digits or more, and one number
# of three to six digits that is no year, after whatever is no address of any kind.
NUMBERS: Shapes = (
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
# What is more than a word: where the first pattern matches a text, the second is replaced by the third.
_PHRASES = (
    (r"[/\\](?i:home|users)[/\\]", r"([/\\](?i:home|users)[/\\])[\w.\-]+", rf"${{1}}{NAME}"),
    (r"\+\d", r"(^|[\s(\"'])\+\d{1,3}(?:[ \-]\d{2,7}){1,4}", "${1}+49 171 4711472"),
    (r"0[0-9]{2,4} [0-9]", r"(^|[\s(\"'])0\d{2,4} \d{5,8}", "${1}0171 4711472"),
    (r"\(\d", r"\(\d{3}\) \d{3}-\d{4}", "(202) 555-4711"),
)


class Replacements(NamedTuple):
    """Name some of m words by index, and what replaces each of those."""

    words: Ints
    by: pl.Series


def reshaped(words: pl.Series, may_have_shape: pl.Series, shapes: Shapes) -> Replacements:
    """Return the words that match a shape, each with the dummies that the first such shape puts into it."""
    at = (may_have_shape & (words.str.len_bytes() <= _LONGEST)).arg_true().to_numpy()
    places, made = [at[:0]], [words.clear()]
    for shape, changes in shapes if len(at) else ():
        matches = words.gather(at).str.contains(shape).to_numpy()
        if not matches.any():
            continue
        matching = words.gather(at[matches])
        for pattern, by in changes:
            matching = matching.str.replace_all(pattern, by)
        places.append(at[matches])
        made.append(matching)
        at = at[~matches]
    return Replacements(np.concatenate(places), pl.concat(made))


class Phrases:
    """Replace dates written in words, phone numbers and users in paths by dummies."""

    def __init__(self, recognizers: Sequence[RecognizerSettings]) -> None:
        (dates,) = (one for one in recognizers if one.name == "written_date")
        # Without boundaries of words, which cost Polars most; the recognizer has them and finds what is left.
        patterns = ("(?i)" + pattern.regex.replace(r"\b", "") for pattern in dates.patterns or ())
        signs = (f"{before} (?:19|20)[0-9]{{2}}" for before in ("[A-Za-z.,]", "[0-9],?"))
        self._phrases = (*((*each, _DATE) for each in zip(signs, patterns, strict=True)), *_PHRASES)
        self._any_sign = "|".join(sign for sign, _, _ in self._phrases)

    def replaced(self, texts: pl.Series) -> pl.Series:
        """Return the n texts with dummies, in order."""
        at = texts.str.contains(self._any_sign).arg_true()
        if not len(at):
            return texts
        some = texts.gather(at)
        for sign, pattern, dummy in self._phrases:
            has_sign = some.str.contains(sign).arg_true()
            if len(has_sign):
                some = some.scatter(has_sign, some.gather(has_sign).str.replace_all(pattern, dummy))
        return texts.clone().scatter(at, some)


def has_dummy(answers: pl.Series) -> Bools:
    """Return whether something of a dummy is left in each scrubbed text."""
    # Not any three digits: years stay.
    return answers.str.contains(rf"(?i){NAME}|/{_PAGE}|4711|777|113|2011|\d{{5}}").to_numpy()
