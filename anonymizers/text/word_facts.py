"""Look up what is known of each distinct span, wherever it stands: spelling, lists of `text.yml`, lexicon."""

from dataclasses import dataclass, fields

import numpy as np
import polars as pl

from anonymizers.text.arrays import Bools, Floats, Ints, evaluated
from anonymizers.text.lexicon import Lexicon, bare, positions
from anonymizers.text.settings import TextSettings, Words
from anonymizers.text.spans import BLANKS, made_of
from anonymizers.text.word_parts import WordParts

# What may stand between two parts of one name, address or number.
_JOIN = rf",.-/\#&()'’>+_{BLANKS}"
_LONGEST_JOIN = 6
_ENDS_SENTENCE = list('.!?:;\n"“”„»«|•*>')
_YEAR = r"^20(?:1[5-9]|[23]\d)$"
_AFTER_LABELS = [":", "=", "\t", ">"]
_WALLS = list("'|%_()[]{}<>=\\/*\n\t;«»\"“”")
_AFTER_TITLES = frozenset([" ", "  ", ". ", ".  "])
# Signs before the ending of another gender in a greeting or a title: `Liebe/r`, `Estimado(a)`, `geehrte:r`.
BEFORE_ENDING = frozenset(f"{sign}{hyphen}" for sign in "/(*:_·" for hyphen in ("", "-"))


@dataclass(frozen=True, slots=True)
class Spelling:
    """Describe how each of m distinct spans is written.

    Attributes:
        length: How many characters it has.
        has_capital: Whether it begins with a capital letter.
        is_upper: Whether it is made of two or more capital letters alone.
        is_year: Whether it is a year in which campaigns run, not one in which adults were born.
        is_possessive: Whether it ends like the name of an owner: `hope's`.
        may_count: Whether it is a word in lower case of a length that `counting` in `text.yml` allows.
    """

    length: Ints
    has_capital: Bools
    is_upper: Bools
    is_year: Bools
    is_possessive: Bools
    may_count: Bools


@dataclass(frozen=True, slots=True)
class Separators:
    """Describe what each of m distinct spans says about the words on either side, if it is a separator.

    Attributes:
        joins: They may be parts of one name, address or number.
        ends_sentence: The second begins a sentence.
        follows_title: The first may be a title and the second a name: `Dr. `.
        is_comma: It begins with a comma and a blank.
        precedes_ending: The second may be the ending of another gender: `Liebe/r`.
        is_dollar: It begins with a dollar sign.
        follows_label: The first may be the name of a field and the second its value.
        is_wall: It parts the first from the second as values of fields, segments of a path and the like.
        is_odd: It stands in no usual word, and no blank is beside it: `w!ll`.
        is_short: It has few characters, whatever they are.
    """

    joins: Bools
    ends_sentence: Bools
    follows_title: Bools
    is_comma: Bools
    precedes_ending: Bools
    is_dollar: Bools
    follows_label: Bools
    is_wall: Bools
    is_odd: Bools
    is_short: Bools


@dataclass(frozen=True, slots=True)
class Listed:
    """Tell for each list of `text.yml` whether each of m distinct spans is on it."""

    names: Bools
    no_names: Bools
    brands: Bools
    greetings: Bools
    greetings_begin: Bools
    greetings_end: Bools
    cues: Bools
    events: Bools
    cues_after: Bools
    labels: Bools
    closings: Bools
    seldom_names: Bools
    titles: Bools
    after_greetings: Bools
    streets: Bools
    particles: Bools
    of_families: Bools
    fathers: Bools
    cities: Bools
    months: Bools
    units: Bools
    beginnings: Bools
    number_words: Bools


@dataclass(frozen=True, slots=True)
class Phrases:
    """Tell which word of phrases in `text.yml` each of m spans is (0 = none), and which two are a phrase."""

    word: Ints
    pairs: Ints

    def hold(self, before: Ints, code: Ints) -> Bools:
        """Return whether each span of ``before`` and the one of ``code`` after it are a phrase."""
        first, second = self.word[before], self.word[code]
        may_be = np.flatnonzero((first > 0) & (second > 0))
        held = np.zeros(len(code), dtype=np.bool_)
        held[may_be] = np.isin(_pair(first[may_be], second[may_be]), self.pairs)
        return held


@dataclass(frozen=True, slots=True)
class Known:
    """Tell what the lexicon knows of each of m distinct spans, as `Lexicon` describes; 0 or False = nothing.

    Of a word with an apostrophe that is not known, it is what is known of the part before.
    """

    zipf: Floats
    name_lists: Ints
    given_lists: Ints
    is_place: Bools
    is_country: Bools


@dataclass(frozen=True, slots=True)
class WordFacts:
    """Hold all that is known of each of m distinct spans without looking at its neighbours."""

    spelling: Spelling
    separators: Separators
    listed: Listed
    known: Known
    phrases: Phrases
    cue_phrases: Phrases


_SPAN, _LOWER, _STEM = pl.col("span"), pl.col("lower"), pl.col("stem")
# The dot of a Turkish capital is left in lower case.
_LOWERED = (
    _SPAN.str.replace_all("’", "'", literal=True).str.to_lowercase().str.replace("i\u0307", "i", literal=True)
)
_SPELLINGS = {"lower": _LOWERED, "stem": _LOWERED.str.split("'").list.first()}


class WordFactFinder:
    """Look up facts in a lexicon and in the lists of `text.yml`."""

    def __init__(self, lexicon: Lexicon, settings: TextSettings) -> None:
        self._lexicon = lexicon
        self._spelling = _spelling(settings)
        self._separators = _separators()
        self._rare_plural = settings.release_rule.common_though_a_name
        self._word_parts = WordParts(lexicon, settings)
        phrases = [[phrase.split() for phrase in some] for some in (settings.phrases, settings.cue_phrases)]
        self._of_phrases = pl.Series(sorted({word for some in phrases for phrase in some for word in phrase}))
        self._pairs = [
            _pair(*(positions(self._of_phrases, pl.Series(words)) + 1 for words in zip(*some, strict=True)))
            for some in phrases
        ]
        self._listed = {
            listed.name: is_in(_STEM if listed.name == "names" else _LOWER, getattr(settings, listed.name))
            for listed in fields(Listed)
        }

    def facts(self, distinct: pl.Series) -> WordFacts:
        """Return what is known of each of m distinct spans, in order."""
        spelt = distinct.to_frame("span").select_seq("span", **_SPELLINGS).with_columns_seq(bare=bare(_STEM))
        of_phrases = positions(self._of_phrases, spelt["bare"]) + 1
        return WordFacts(
            Spelling(**evaluated(spelt, self._spelling)),
            Separators(**evaluated(spelt, self._separators)),
            Listed(**evaluated(spelt, self._listed)),
            self._known(spelt),
            *(Phrases(of_phrases, pairs) for pairs in self._pairs),
        )

    def _known(self, spelt: pl.DataFrame) -> Known:
        lexicon = self._lexicon
        word = positions(lexicon.words, spelt["lower"])
        owned = np.flatnonzero((word < 0) & (spelt["lower"] != spelt["stem"]).to_numpy())
        word[owned] = positions(lexicon.words, spelt["stem"].gather(owned))
        name = positions(lexicon.bare, spelt["bare"])
        zipf = np.where((word >= 0)[:, None], lexicon.zipf[word], np.float32(0))
        # People in the plural or the genitive: `Fischers`.
        is_plural = (
            spelt["bare"].str.ends_with("s").to_numpy() & (name < 0) & (zipf.max(axis=1) < self._rare_plural)
        )
        plural = np.flatnonzero(is_plural)
        singular = spelt["bare"].gather(plural).str.head(-1)
        person, word_of = positions(lexicon.bare, singular), positions(lexicon.words, singular)
        is_word = (word_of >= 0) & (lexicon.zipf[word_of].max(axis=1) >= self._rare_plural)
        people = (person >= 0) & (lexicon.name_lists[person] > 0) & ~is_word
        name[plural[people]] = person[people]
        unknown = np.flatnonzero((word < 0) & (name < 0))
        self._word_parts.put(spelt["lower"], unknown, zipf)
        return Known(
            zipf=zipf,
            name_lists=np.where(name >= 0, lexicon.name_lists[name], 0).astype(np.int64),
            given_lists=np.where(name >= 0, lexicon.given_lists[name], 0).astype(np.int64),
            is_place=(name >= 0) & lexicon.is_place[name],
            is_country=(name >= 0) & lexicon.is_country[name],
        )


def _pair(first: Ints, second: Ints) -> Ints:
    """Return one number for each pair of words of phrases."""
    return (first << 32) + second


def is_in(spelling: pl.Expr, words: Words) -> pl.Expr:
    """Return whether a spelling is one of some words."""
    return spelling.is_in(pl.Series(sorted(words), dtype=pl.String).implode())


def _spelling(settings: TextSettings) -> dict[str, pl.Expr]:
    first, length = _SPAN.str.head(1), _SPAN.str.len_chars().cast(pl.Int64)
    # Not as a counted repeat in the pattern, which costs ten times all others to compile.
    has_length = length.is_between(settings.counting.shortest, settings.release_rule.longest_word)
    return {
        "length": length,
        "has_capital": first != first.str.to_lowercase(),
        "is_upper": _SPAN.str.contains(r"^\p{Lu}[\p{Lu}\p{M}'’]+$"),
        "is_year": _SPAN.str.contains(_YEAR),
        "is_possessive": pl.col("lower").str.ends_with("'s"),
        "may_count": _SPAN.str.contains(r"^\p{Ll}+$") & has_length,
    }


def _separators() -> dict[str, pl.Expr]:
    # Not a constant: Polars makes a series of a list of words, and starts its threads for it. No import may
    # do so: if the process forks afterwards, the child waits for threads that it does not have.
    length = _SPAN.str.len_chars()
    return {
        "joins": made_of(_SPAN, _JOIN, most=_LONGEST_JOIN),
        "ends_sentence": _SPAN.str.contains_any(_ENDS_SENTENCE),
        "follows_title": is_in(_SPAN, _AFTER_TITLES),
        "is_comma": is_in(_SPAN.str.head(2), frozenset(f",{blank}" for blank in BLANKS)),
        "precedes_ending": is_in(_SPAN, BEFORE_ENDING),
        "is_dollar": _SPAN.str.starts_with("$"),
        "follows_label": _SPAN.str.contains_any(_AFTER_LABELS) & (length <= _LONGEST_JOIN),
        "is_wall": _SPAN.str.contains_any(_WALLS) | ~_SPAN.str.contains_any(list(BLANKS)),
        "is_odd": made_of(_SPAN, "!@|$~^*¡", most=2),
        "is_short": length <= _LONGEST_JOIN,
    }
