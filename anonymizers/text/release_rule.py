"""The release rule: a word stays only if it is known to be harmless where it stands."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import polars as pl
from numpy.typing import NDArray

from anonymizers.text.lexicon import Lexicon, bare, positions
from anonymizers.text.settings import TextSettings, Words
from anonymizers.text.spans import BLANKS, Bools, Ints, Tiles, continues, following, made_of, previous

Kinds = NDArray[np.uint8]

# What may stand between two parts of one name, address or number.
_JOIN = rf",.-/\#&()'’>+_{BLANKS}"
_LONGEST_JOIN = 6
_ENDS_SENTENCE = list('.!?:;\n"“”„»«|•*>')
_PARTS = 3
# Particles side by side in one name: `van der`.
PARTICLES = 2
_VOTE_OF_A_NAME = 0.1
# So many words in capitals, if they are half of a text, are shouted.
LOUD = 3
_BEHIND_TITLES = frozenset([" ", "  ", ". ", ".  "])
# How many names may follow the first of who is greeted.
SURNAMES = 2
# What ties the ending of another gender to a greeting or a title: `Liebe/r`, `Estimado(a)`, `geehrte:r`.
INFLECTS = frozenset(f"{sign}{hyphen}" for sign in "/(*:_·" for hyphen in ("", "-"))
LONGEST_ENDING = 2
# Of a currency, before a dollar sign: `R$`, `US$`.
_LONGEST_CURRENCY = 2


class Kind(IntEnum):
    """What a masked tile is taken for; 0 = it stays."""

    KEPT = 0
    WORD = 1
    NAME = 2
    PLACE = 3
    ID = 4
    NUMBER = 5


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of each distinct tile, wherever it stands."""

    length: Ints
    has_capital: Bools
    is_upper: Bools
    zipf: NDArray[np.float32]
    name_lists: Ints
    is_place: Bools
    is_country: Bools
    joins: Bools
    ends: Bools
    follows_title: Bools
    is_comma: Bools
    inflects: Bools
    is_dollar: Bools
    is_always_name: Bools
    is_no_name: Bools
    greets: Bools
    begins_greeting: Bools
    ends_greeting: Bools
    titles: Bools
    after_greeting: Bools
    is_street: Bools
    is_particle: Bools
    is_beginning: Bools
    is_number_word: Bools
    may_count: Bools


class Vocabulary:
    """The release rule over some word lists."""

    def __init__(self, lexicon: Lexicon, settings: TextSettings) -> None:
        self._lexicon = lexicon
        self._settings = settings
        self._told_by_itself = _told_by_itself(settings)

    def unreleased(self, tiles: Tiles) -> tuple[Kinds, Bools]:
        """Decide about each tile; what stands between words stays.

        Returns:
            Kinds, and which words have nothing against them but that they are not common.
        """
        facts = self._facts(tiles.distinct)
        at = np.flatnonzero(~tiles.between()[tiles.codes])
        kinds = np.zeros(len(tiles), dtype=np.uint8)
        uncommon = np.zeros(len(tiles), dtype=np.bool_)
        if len(at):
            kinds[at], uncommon[at] = _Words(tiles, at, facts, self._settings).kinds(self._lexicon.languages)
        return kinds, uncommon

    def _facts(self, distinct: pl.Series) -> _Facts:
        lexicon = self._lexicon
        spelt = distinct.to_frame("tile").select_seq("tile", **_SPELLINGS).with_columns_seq(bare=bare(_STEM))
        known, known_stem = np.split(positions(lexicon.words, pl.concat([spelt["lower"], spelt["stem"]])), 2)
        known = np.where(known < 0, known_stem, known)
        zipf = np.where((known >= 0)[:, None], lexicon.zipf[known], np.float32(0))
        named = positions(lexicon.bare, spelt["bare"])
        by_itself = spelt.select_seq(**self._told_by_itself)
        return _Facts(
            zipf=zipf,
            name_lists=np.where(named >= 0, lexicon.name_lists[named], 0).astype(np.int64),
            is_place=(named >= 0) & lexicon.is_place[named],
            is_country=(named >= 0) & lexicon.is_country[named],
            **{fact.name: fact.to_numpy() for fact in by_itself},
        )


_TILE, _LOWER, _STEM = pl.col("tile"), pl.col("lower"), pl.col("stem")
_CURLED = _TILE.str.replace_all("’", "'", literal=True)
_SPELLINGS = {
    "lower": _CURLED.str.to_lowercase(),
    "stem": _CURLED.str.to_lowercase().str.split("'").list.first(),
}


def is_in(spelling: pl.Expr, words: Words) -> pl.Expr:
    """Which spellings are among some words."""
    return spelling.is_in(pl.Series(sorted(words), dtype=pl.String).implode())


def _told_by_itself(settings: TextSettings) -> dict[str, pl.Expr]:
    """What is known of a tile without the lexicon, by the names of `_Facts`."""
    first, length = _TILE.str.head(1), _TILE.str.len_chars().cast(pl.Int64)
    return {
        "length": length,
        "has_capital": first != first.str.to_lowercase(),
        "is_upper": _TILE.str.contains(r"^\p{Lu}[\p{Lu}\p{M}'’]+$"),
        "joins": made_of(_TILE, _JOIN, most=_LONGEST_JOIN),
        "ends": _TILE.str.contains_any(_ENDS_SENTENCE),
        "follows_title": is_in(_TILE, _BEHIND_TITLES),
        "is_comma": is_in(_TILE.str.head(2), frozenset(f",{blank}" for blank in BLANKS)),
        "inflects": is_in(_TILE, INFLECTS),
        "is_dollar": _TILE.str.starts_with("$"),
        "is_always_name": is_in(_STEM, settings.names),
        "is_no_name": is_in(_LOWER, settings.no_names),
        "greets": is_in(_LOWER, settings.greetings),
        "begins_greeting": is_in(_LOWER, settings.greetings_begin),
        "ends_greeting": is_in(_LOWER, settings.greetings_end),
        "titles": is_in(_LOWER, settings.titles),
        "after_greeting": is_in(_LOWER, settings.after_greetings),
        "is_street": is_in(_LOWER, settings.streets),
        "is_particle": is_in(_LOWER, settings.particles),
        "is_beginning": is_in(_LOWER, settings.beginnings),
        "is_number_word": is_in(_LOWER, settings.number_words),
        # Not as a counted repeat, which costs ten times all others to compile.
        "may_count": _TILE.str.contains(r"^\p{Ll}+$")
        & length.is_between(settings.counting.shortest, settings.vocabulary.longest_word),
    }


class _Words:
    """Words and numbers of a column in order, each with what is known of it and of its neighbours."""

    def __init__(self, tiles: Tiles, at: Ints, facts: _Facts, settings: TextSettings) -> None:
        self._settings = settings.vocabulary
        self._facts = facts
        self._code = tiles.codes[at]
        self._text = tiles.text[at]
        self._texts = len(tiles.text_start) - 1
        self._follows = continues(self._text)
        between = np.concatenate([[False], np.diff(at) == 2]) & self._follows
        adjacent = np.concatenate([[False], np.diff(at) == 1]) & self._follows
        before = tiles.codes[np.maximum(at - 1, 0)]
        self._adjacent = adjacent
        self._joined = between & facts.joins[before] | adjacent
        self._titled = between & facts.follows_title[before]
        after = tiles.codes[np.minimum(at + 1, len(tiles) - 1)]
        self._called = ~self._follows & facts.is_comma[after]
        self._first = ~self._follows | between & facts.ends[before]
        self._is_number = tiles.is_number[self._code]
        self._is_word = tiles.is_word[self._code]
        self._length = facts.length[self._code]
        self._is_currency = facts.is_dollar[after] & (self._length <= _LONGEST_CURRENCY)
        inflected = between & facts.inflects[before] & (self._length <= LONGEST_ENDING)
        self._greets = facts.greets[self._code]
        self._greets |= inflected & previous(self._greets)
        self._titles = facts.titles[self._code]
        self._titles |= inflected & previous(self._titles)

    def kinds(self, languages: tuple[str, ...]) -> tuple[Kinds, Bools]:
        """What each word or number is masked as; which have nothing against them but that they are rare."""
        s, code = self._settings, self._code
        common, unknown_language, in_language, is_german = self._frequency(languages)
        lists, place, country = (
            self._facts.name_lists[code], self._facts.is_place[code], self._facts.is_country[code],
        )  # fmt: skip
        capital = self._facts.has_capital[code] & ~self._shouted()
        within = capital & ~self._first
        always = self._facts.is_always_name[code]
        is_name = (lists > 0) | always
        named = is_name | place
        listed = lists >= s.name_lists_per_step * (common - s.common_though_a_name) + s.name_lists
        surely = always | is_name & listed
        unreleased = (
            (common < s.common)
            | surely
            | (named & (common < s.common_though_a_name))
            | (within & ~is_german & (common < s.common_with_capital))
            | (capital & named & (common < s.common_though_a_name_first))
            | ((within | capital & self._called) & named & (common < s.common_though_a_name_within))
            | (self._called & is_name & (common < s.common_though_a_name_first))
            | (
                country
                & (capital | (common < s.common_though_a_country))
                & (common < s.common_though_a_name_within)
            )
            | (self._length > s.longest_word)
            | unknown_language[self._text]
        )
        harmless = self._facts.is_no_name[code] | self._is_currency
        masked = unreleased & ~harmless | self._addressed(capital, named, common)
        masked &= self._is_word
        masked &= ~(self._titles | self._greets)
        masked |= self._long_numbers()
        masked |= self._in_row(self._length == 1, least=s.spelt_letters) & self._is_word
        spelt = self._in_row(self._facts.is_number_word[code] | self._is_number, least=s.spelt_digits)
        masked |= spelt
        for _ in range(2):  # what the first draws in may draw in more: `Rua Vinte e Cinco de Setembro`
            masked |= self._beside(masked, capital, named, common)
            masked |= self._mixed(masked)
        kinds = np.where(self._is_number, Kind.NUMBER, Kind.WORD).astype(np.uint8)
        kinds[self._is_word & place & ~is_name] = Kind.PLACE
        kinds[self._is_word & (is_name | capital & ~place)] = Kind.NAME
        kinds[self._chunk_is_mixed()] = Kind.ID
        kinds[spelt] = Kind.NUMBER
        uncommon = self._facts.may_count[code] & (common < s.common) & in_language[self._text]
        uncommon &= masked & ~(named | country | self._facts.is_number_word[code])
        uncommon &= ~self._beside_telling(named)
        return np.where(masked, kinds, Kind.KEPT).astype(np.uint8), uncommon

    def _frequency(self, languages: tuple[str, ...]) -> tuple[NDArray[np.float32], Bools, Bools, Bools]:
        """How common each word is in its text's language; which texts are in none, or in one; what is German.

        Of a text of few words neither may be known.
        """
        s, code = self._settings, self._code
        zipf = self._facts.zipf[code]
        words = np.bincount(self._text, self._is_word, minlength=self._texts)
        # Names are common in the languages of those who bear them and say little of the text's.
        is_name = (self._facts.name_lists[code] > 0) | self._facts.is_place[code]
        votes = np.where(is_name, _VOTE_OF_A_NAME, 1) * self._is_word
        known, votes_for = (
            np.stack([np.bincount(self._text, w, minlength=self._texts) for w in weights.T], axis=1)
            for weights in (zipf >= s.common_in_language, zipf * votes[:, None])
        )
        no_votes = np.bincount(self._text, self._is_word & ~is_name, minlength=self._texts) == 0
        best = np.where(no_votes, 0, votes_for.argmax(axis=1))
        share = known.max(axis=1) / np.maximum(words, 1)
        in_language = share >= s.share_in_language
        unknown = ~in_language & (words >= s.fewest_words)
        common = zipf[np.arange(len(zipf)), best[self._text]]
        if "en" in languages:
            english = zipf[:, languages.index("en")]
            common = np.maximum(common, np.where(english >= s.common_english, english, 0))
        is_german = np.array([language == "de" for language in languages])[best][self._text]
        return common, unknown, in_language, is_german

    def _shouted(self) -> Bools:
        """Words in capitals throughout, in texts that mostly are."""
        upper = self._facts.is_upper[self._code]
        counted = np.bincount(self._text, upper, minlength=self._texts)
        words = np.bincount(self._text, self._is_word, minlength=self._texts)
        loud = (counted >= LOUD) & (counted >= 0.5 * words)
        return upper & loud[self._text]

    def _addressed(self, capital: Bools, named: Bools, common: NDArray[np.float32]) -> Bools:
        """Who follows a greeting or a title, by all names."""
        code, most = self._code, self._settings.common_though_a_name_within
        of_two = self._facts.ends_greeting[code] & previous(self._facts.begins_greeting[code]) & self._joined
        greets = previous(self._greets | of_two) & self._joined & ~self._first
        titles = previous(self._titles) & self._titled
        somebody = (capital | named & (common < most)) & ~self._facts.after_greeting[code]
        addressed: Bools = (greets | titles) & somebody & self._is_word
        for _ in range(SURNAMES):
            surname = previous(addressed) & self._titled & ~self._first & named & (common < most)
            addressed |= surname & ~self._facts.after_greeting[code] & self._is_word
        return addressed

    def _beside_telling(self, named: Bools) -> Bools:
        """Words that a greeting, a title, a street or somebody's name beside them may make a name."""
        code = self._code
        calls = self._greets | self._titles
        tells = self._facts.is_street[code] | named & self._facts.has_capital[code]
        told: Bools = previous(calls | tells) & self._follows | following(tells & self._follows)
        # `dear customer …`: whoever is called may be named by the second word.
        told |= previous(previous(calls)) & self._follows & previous(self._follows)
        return told

    def _long_numbers(self) -> Bools:
        s = self._settings
        group = self._runs(self._is_number)
        digits = np.bincount(group, np.where(self._is_number, self._length, 0))
        many: Bools = (self._length >= s.digits) | (digits[group] >= s.digits_in_groups)
        return self._is_number & many

    def _runs(self, member: Bools) -> Ints:
        """The number of the run of joined members that each is of; what is no member is one by itself."""
        return np.cumsum(~(self._joined & member & previous(member)))

    def _in_row(self, member: Bools, *, least: int) -> Bools:
        """Members joined to so many others."""
        run = self._runs(member)
        long: Bools = (np.bincount(run) >= least)[run] & member
        return long

    def _chunks(self) -> Ints:
        return np.cumsum(~self._adjacent)

    def _chunk_is_mixed(self) -> Bools:
        chunk = self._chunks()
        numbers = np.bincount(chunk, self._is_number) > 0
        mixed: Bools = (numbers & (np.bincount(chunk, self._is_word) > 0))[chunk]
        return mixed

    def _mixed(self, masked: Bools) -> Bools:
        """Letters and digits in one: masked together, and if of more parts than `v2` or `b2b`."""
        chunk = self._chunks()
        some = (np.bincount(chunk, masked) > 0) | (np.bincount(chunk) > _PARTS)
        return some[chunk] & self._chunk_is_mixed()

    def _beside(self, masked: Bools, capital: Bools, named: Bools, common: NDArray[np.float32]) -> Bools:
        """What a name or an address draws in: words with capitals, numbers and particles joined to it."""
        s, code = self._settings, self._code
        particle = self._facts.is_particle[code] | self._is_word & (self._length == 1)
        least = np.where(named, s.common_though_a_name_within, s.common_beside_a_name)
        exempt = (
            self._first & (self._length > 1) & (common >= least) & ~self._facts.is_beginning[code]
            | self._greets
            | self._titles
        )
        member = (self._is_word & capital & ~exempt) | self._is_number | masked | self._facts.is_street[code]
        behind = ahead = particle & False
        for _ in range(PARTICLES):
            behind = particle & self._joined & previous(masked | behind)
            ahead = particle & following(self._joined & (masked | ahead))
        member |= behind & ahead
        run = self._runs(member)
        numbered = np.bincount(run, self._is_number) > 0
        hot = (np.bincount(run, masked) > 0) | numbered & (np.bincount(run, self._facts.is_street[code]) > 0)
        drawn: Bools = hot[run] & member
        return drawn
