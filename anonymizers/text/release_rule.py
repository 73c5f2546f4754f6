"""Decide by the release rule: a word stays only if it is known to be harmless where it stands.

docs/free-text.md explains the rule; `text.yml` holds its thresholds (`release_rule`) with their meaning.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from anonymizers.text.arrays import Bools, Floats, following, previous
from anonymizers.text.lexicon import Lexicon
from anonymizers.text.settings import ReleaseRuleSettings, TextSettings
from anonymizers.text.spans import Spans
from anonymizers.text.word_facts import WordFactFinder, WordFacts
from anonymizers.text.word_sequence import WordSequence

Kinds = NDArray[np.uint8]

# Letters mixed with digits may stay up to so many parts: `v2`, `b2b`.
_MOST_PARTS = 3
# Particles side by side in one name: `van der`.
PARTICLES = 2
# Names are common in the languages of those who bear them and say little of the text's.
_VOTE_OF_A_NAME = 0.1
# Half of the words of a text in Hindi are English, and many of the others are words of some language, too.
_VOTE_FOR_HINDI = 1.2
ENGLISH_VOTE = np.float32(0.6)
# So many words in capitals, if they are half of a text, are shouted.
LOUD = 3
# How many names may follow the first name of somebody who is greeted.
SURNAMES = 2
# A text of at most so many words, of which so large a share begins with a capital, is a title: `Summer Menu`.
TITLE_WORDS = 9
_TITLE_CAPITALS = 0.6
# From so many lists of given names on, a word is one though it is common.
_GIVEN = 2
# A large city on more lists than this is masked: `Jordan`, `Victoria`.
_GIVEN_TOWN = 4


class Kind(IntEnum):
    """Name what a masked span is taken for; 0 = it is not masked."""

    KEPT = 0
    WORD = 1
    NAME = 2
    PLACE = 3
    ID = 4
    NUMBER = 5


class ReleaseRule:
    """Decide which words and numbers of texts are masked, by a lexicon and the lists of `text.yml`."""

    def __init__(self, lexicon: Lexicon, settings: TextSettings) -> None:
        self._languages = lexicon.languages
        self._facts = WordFactFinder(lexicon, settings)
        self._settings = settings.release_rule

    def decide(self, spans: Spans) -> tuple[Kinds, Bools]:
        """Decide about each of n spans.

        Returns:
            The `Kind` that masks each span (separators are kept), and which words are masked for nothing but
            that they are not common: `CountedWords` may release those.
        """
        facts = self._facts.facts(spans.distinct)
        at = np.flatnonzero(~spans.is_separator()[spans.codes])
        kinds = np.zeros(len(spans), dtype=np.uint8)
        uncommon = np.zeros(len(spans), dtype=np.bool_)
        if len(at):
            words = WordSequence.of(spans, at, facts)
            kinds[at], uncommon[at] = _Decision(words, facts, self._settings, self._languages).kinds()
        return kinds, uncommon


class _Decision:
    """Decide about the words and numbers of one column; arrays have an entry for each of them."""

    def __init__(
        self, words: WordSequence, facts: WordFacts, settings: ReleaseRuleSettings, languages: tuple[str, ...]
    ) -> None:
        self._words, self._settings, code = words, settings, words.code
        self._known, self._listed, self._spelling = facts.known, facts.listed, facts.spelling
        self._frequency = _frequency(words, facts, settings, languages)
        self._common = self._frequency.common
        self._most = _most(facts.known.zipf)[code]
        self._name_lists, self._is_place = self._known.name_lists[code], self._known.is_place[code]
        self._is_country = self._known.is_country[code]
        self._is_given = (self._known.given_lists[code] >= _GIVEN) & ~self._listed.seldom_names[code]
        self._cue_phrases = facts.cue_phrases
        self._harmless = (
            (self._listed.no_names | self._listed.brands)[code] | words.is_currency | self._in_phrases(facts)
        )
        self._is_always_name = self._listed.names[code]
        self._is_name = (self._name_lists > 0) | self._is_always_name
        self._named = self._is_name | self._is_place
        self._capital = self._spelling.has_capital[code] & ~self._shouted()
        self._greets = self._with_endings(self._listed.greetings[code])
        self._titles = self._with_endings(self._listed.titles[code])
        self._is_number_word = self._listed.number_words[code]
        self._mixed = words.is_mixed()
        self._in_title = self._titled()
        # A title in capitals is one.
        self._capital |= self._spelling.has_capital[code] & self._in_title & ~self._listed.particles[code]
        self._harmless |= self._linking() | self._dated()
        self._is_town = self._towns()

    def kinds(self) -> tuple[Kinds, Bools]:
        """Return the `Kind` that masks each word or number, and the words that are only uncommon."""
        s, words = self._settings, self._words
        masked = self._unreleased() & ~(self._harmless | self._is_town) | self._addressed()
        masked &= words.is_word & ~(self._titles | self._greets)
        masked |= words.long_numbers(digits=s.digits, digits_in_groups=s.digits_in_groups) & ~self._measured()
        masked |= words.in_row(words.length == 1, least=s.spelt_letters) & words.is_word
        links = (
            self._listed.particles[words.code]
            & previous(self._is_number_word)
            & following(self._is_number_word)
        )
        spelt = words.in_row(self._is_number_word | words.is_number | links, least=s.spelt_digits)
        spelt &= words.is_number | self._is_number_word
        masked |= spelt | self._spread()
        chunk, mixed = words.chunks(), self._mixed
        masked |= self._beside_in_lower_case(masked)
        for _ in range(2):  # what the first adds may add more: `Rua Vinte e Cinco de Setembro`
            masked |= self._part_of_name_or_address(masked)
            some = (np.bincount(chunk, masked) > 0) | (np.bincount(chunk) > _MOST_PARTS)
            masked |= some[chunk] & mixed
        kinds = np.where(words.is_number, Kind.NUMBER, Kind.WORD).astype(np.uint8)
        kinds[words.is_word & self._is_place & ~self._is_name] = Kind.PLACE
        kinds[words.is_word & (self._is_name | self._capital & ~self._is_place)] = Kind.NAME
        kinds[mixed] = Kind.ID
        kinds[spelt] = Kind.NUMBER
        return np.where(masked, kinds, Kind.KEPT).astype(np.uint8), masked & self._only_uncommon()

    def _shouted(self) -> Bools:
        """Return words in capitals throughout, in texts that mostly are."""
        upper = self._spelling.is_upper[self._words.code]
        count = self._words.per_text(upper)
        loud = (count >= LOUD) & (count >= 0.5 * self._words.per_text(self._words.is_word))
        shouted: Bools = upper & loud[self._words.text]
        return shouted

    def _measured(self) -> Bools:
        """Return numbers of few digits before a unit that says nothing of a person: `180 days`."""
        words = self._words
        few = words.is_number & (words.length == self._settings.digits)
        units = following(self._listed.units[words.code] & words.joined)
        measured: Bools = few & units & ~(previous(words.is_number) & words.joined)
        return measured

    def _dated(self) -> Bools:
        """Return months before a year or written together with a number: `Jan26`; others may be people."""
        words = self._words
        date = words.is_year & words.joined | words.is_number & words.adjacent & (words.length <= 2)
        dated: Bools = self._listed.months[words.code] & following(date)
        return dated

    def _spread(self) -> Bools:
        """Return numbers near one another, also with letters as keys, and words with odd signs within."""
        words, s = self._words, self._settings
        run = words.runs(words.is_number | (words.length == 1), joined=words.near)
        count, digits = (np.bincount(run, words.is_number * size) for size in (1, words.length))
        many = ((count >= s.spelt_digits) & (digits >= s.spread_digits))[run]
        odd = words.oddly_joined & ((words.length <= 2) | (previous(words.length) <= 2)) & words.is_word
        odd &= previous(words.is_word)
        spread: Bools = many | odd | following(odd)
        return spread

    def _titled(self) -> Bools:
        """Return what is in a title, in which capitals say nothing; an address is none."""
        words, code = self._words, self._words.code
        counts = words.is_word & ~self._listed.particles[code]
        count = words.per_text(counts)
        title = words.per_text(counts & self._spelling.has_capital[code]) >= _TITLE_CAPITALS * count
        title &= words.per_text(words.is_word) <= TITLE_WORDS
        title &= (words.per_text(self._listed.streets[code]) == 0) | (words.per_text(words.is_number) == 0)
        in_title: Bools = title[words.text]
        return in_title

    def _towns(self) -> Bools:
        """Return common names of places in titles that have other words, and that nobody is called by."""
        words = self._words
        given = self._known.given_lists[words.code]
        is_town = words.is_word & self._is_place & ~self._is_always_name
        is_town &= (given == 0) & ~self._is_name | self._is_country & (given <= _GIVEN_TOWN)
        others = words.is_word & ~self._listed.particles[words.code]
        others &= (self._common >= self._settings.common) & ~self._is_name | self._harmless
        # `Geburtstag von Stetten`: what few speak of is a family after such a particle.
        is_town &= ~previous(self._listed.of_families[words.code]) | (
            self._most >= self._settings.common_though_a_country
        )
        is_town |= self._listed.cities[words.code]
        towns: Bools = self._in_title & is_town & (self._most >= self._settings.common)
        return towns & (words.per_text(others & ~towns) > 0)[words.text]

    def _in_phrases(self, facts: WordFacts) -> Bools:
        """Return words of phrases, also with particles between them: `Día de Reyes`."""
        words, code = self._words, self._words.code
        in_phrase = facts.phrases.hold(previous(code), code) & words.joined
        in_phrase |= following(in_phrase)
        other = ~self._listed.particles[code]
        at, run = np.arange(len(code)), words.runs(np.ones_like(other))
        before = previous(np.maximum.accumulate(np.where(other, at, 0)))
        parted = facts.phrases.hold(code[before], code) & other & (run[before] == run)
        parted &= at - before <= PARTICLES + 1
        in_phrase[parted] = in_phrase[before[parted]] = True
        return in_phrase

    def _linking(self) -> Bools:
        """Return particles of a title that lead to a harmless word, after no name: `Dia das Mães`."""
        words, code = self._words, self._words.code
        may_link = self._listed.particles[code] & self._in_title & ~self._spelling.has_capital[code]
        may_link &= words.joined & ~previous(self._is_name & ~self._harmless & ~may_link)
        links = np.zeros_like(may_link)
        for _ in range(PARTICLES):
            links = may_link & following(words.joined & (self._harmless | links))
        return links

    def _with_endings(self, word: Bools) -> Bools:
        """Return some words and the endings of another gender that follow them."""
        either: Bools = word | self._words.is_ending & previous(word)
        return either

    def _unreleased(self) -> Bools:
        """Return what is not common enough to stay, for a word of its kind at its place."""
        s, words, common, named = self._settings, self._words, self._common, self._named
        capital, within = self._capital, self._capital & ~words.first
        # In a title a capital says nothing: of the words that are names, too, only given names are doubtful.
        spoken = self._in_title & ~self._is_given
        listed = self._name_lists >= s.name_lists_per_step * (common - s.common_though_a_name) + s.name_lists
        rare_country = (capital | (common < s.common_though_a_country)) & (
            common < s.common_though_a_name_within
        )
        unreleased: Bools = (
            (common < s.common)
            | self._is_always_name
            | (self._is_name & listed)
            | (named & (common < s.common_though_a_name))
            | (within & ~self._frequency.is_german & ~self._in_title & (common < s.common_with_capital))
            | (
                capital
                & (self._is_name | self._is_country)
                & ~spoken
                & (common < s.common_though_a_name_first)
            )
            | (within & named & ~spoken & (common < s.common_though_a_name_within))
            | (capital & words.called & named & (common < s.common_though_a_name_within))
            | (words.called & self._is_name & (common < s.common_though_a_name_first))
            | (self._is_country & rare_country)
            | (words.length > s.longest_word)
            | self._frequency.is_foreign
        )
        return unreleased

    def _addressed(self) -> Bools:
        """Return the names that follow a greeting or a title, first names and surnames."""
        words, listed, code = self._words, self._listed, self._words.code
        named = self._named | (self._common < self._settings.common_though_a_name)
        rare = named & (self._common < self._settings.common_though_a_name_within)
        of_two = listed.greetings_end[code] & previous(listed.greetings_begin[code]) & words.joined
        greeted = previous(self._greets | of_two) & words.joined & ~words.first
        titled = previous(self._titles) & words.titled
        may_be_name = words.is_word & ~listed.after_greetings[code]
        addressed: Bools = (greeted | titled) & (self._capital | rare) & may_be_name
        addressed |= titled & words.is_word & (words.length == 1) | self._cued(greeted)
        for _ in range(SURNAMES):
            addressed |= previous(addressed) & words.titled & ~words.first & rare & may_be_name
        return addressed

    def _cued(self, greeted: Bools) -> Bools:
        """Return given names, however common, that what is around them shows to be names."""
        words, listed, code = self._words, self._listed, self._words.code
        given = self._is_given & (words.length > 1)
        rare = given & (self._common < self._settings.common_though_a_name_within) & ~self._harmless
        phrase = self._cue_phrases.hold(previous(code), code) & words.joined & words.follows
        asked = previous(listed.cues[code] | phrase) & words.joined
        labelled = previous(listed.labels[code]) & words.labelled & (given | self._is_name & self._capital)
        closed = words.is_last & (words.per_text(listed.closings[code]) > 0)[words.text] & ~words.first
        before = following(listed.cues_after[code] & words.joined)
        owner = self._spelling.is_possessive[code]
        comma = greeted & words.before_comma
        # First name and surname as one value: `'hope rivers'`, `invoice-hope-rivers.pdf`.
        surname = self._is_name & (self._common < self._settings.common_though_a_name_within) & words.joined
        first = rare & words.parted_before & following(surname & words.parted_after)
        numbered = (
            words.follows
            & previous(words.is_number)
            & (following(words.is_number & words.follows) | words.is_last)
        )
        cued: Bools = (
            given & (asked | comma)
            | self._in_title & self._shown_by_title(phrase)
            | labelled
            | rare & (closed | before | numbered | words.parted_before & words.parted_after)
            | given & ~self._harmless & (owner | words.wall_before & words.wall_after)
            | first
            | previous(first) & surname
        )
        return cued

    def _shown_by_title(self, phrase: Bools) -> Bools:
        """Return what is a name in a title: after `bin` (but `Ich bin Kunde`), or last after an event."""
        words, listed, code = self._words, self._listed, self._words.code
        father = listed.fathers[code] & words.follows & ~phrase
        event = listed.events[code] | previous(listed.events[code]) & listed.particles[code] & words.joined
        last = words.is_last | following(listed.particles[code])
        rare = self._common < self._settings.common_though_a_name
        shown: Bools = previous(father) & self._spelling.has_capital[code] | previous(event) & last & rare
        shown &= words.joined & words.is_word & ~self._harmless
        return shown

    def _beside_in_lower_case(self, masked: Bools) -> Bools:
        """Return words in lower case that are names, too, beside masked names: `rui gonçalves`."""
        words = self._words
        name = masked & self._is_name
        beside = previous(name) & words.titled | following(name & words.titled)
        # In a short text also what is rare and on no list, after a name.
        rare = self._common < self._settings.common_though_a_name
        after = rare & previous(name) & (words.per_text(words.is_word) <= TITLE_WORDS)[words.text]
        surname: Bools = (
            beside
            & (self._is_name | after)
            & words.is_word
            & ~self._capital
            & (self._common < self._settings.common_though_a_name_first)
            & ~(self._harmless | self._listed.seldom_names[words.code] | self._greets | self._titles)
        )
        return surname

    def _part_of_name_or_address(self, masked: Bools) -> Bools:
        """Return words with capitals, numbers and particles joined to a masked word or to a street."""
        s, words, listed, code = self._settings, self._words, self._listed, self._words.code
        particle = listed.particles[code] | words.is_word & (words.length == 1)
        least = np.where(self._named, s.common_though_a_name_within, s.common_beside_a_name)
        begins_sentence = (
            words.first & (words.length > 1) & (self._common >= least) & ~listed.beginnings[code]
        )
        # In a title, years, places and codes draw nothing into a mask. Nor do rare words in lower case in a
        # short text.
        draws = masked & ~(self._in_title & (~words.is_word | self._is_place & ~self._is_name))
        is_short = (words.per_text(words.is_word) < s.fewest_words)[words.text]
        draws &= ~(is_short & words.is_word & ~self._spelling.has_capital[code] & ~self._named)
        after = before = np.zeros_like(particle)
        for _ in range(PARTICLES):
            after = particle & words.joined & previous(draws | after)
        of_name = self._in_title & words.joined & previous(after)
        spoken = self._in_title & ~(self._named | of_name) & (self._common >= s.common_beside_in_title)
        exempt = begins_sentence | self._greets | self._titles | self._in_title & self._harmless | spoken
        street = listed.streets[code]
        member = (
            (words.is_word & self._capital & ~exempt) | words.is_number & ~self._in_title | masked | street
        )
        surname = member & (self._named | of_name) & words.is_word
        for _ in range(PARTICLES):
            before = particle & following(words.joined & (draws | before | surname))
        member |= after & before
        run = words.runs(member)
        is_address = (np.bincount(run, words.is_number) > 0) & (np.bincount(run, street) > 0)
        part: Bools = ((np.bincount(run, draws) > 0) | is_address)[run] & member
        numeric = words.is_number | self._mixed
        run = words.runs(numeric)
        return part | (np.bincount(run, masked & numeric) > 0)[run] & numeric & self._in_title

    def _only_uncommon(self) -> Bools:
        """Return words that are no name, place or number and have no neighbour that may make them one."""
        words, code = self._words, self._words.code
        uncommon = self._spelling.may_count[code] & (self._common < self._settings.common)
        uncommon &= self._frequency.in_language
        uncommon &= ~(self._named | self._is_country | self._is_number_word)
        calls = self._greets | self._titles
        tells = self._listed.streets[code] | self._named & self._spelling.has_capital[code]
        beside: Bools = previous(calls | tells) & words.follows | following(tells & words.follows)
        # `dear customer …`: whoever is called may be named by the second word.
        beside |= previous(previous(calls)) & words.follows & previous(words.follows)
        return uncommon & ~beside


@dataclass(frozen=True, slots=True)
class _Frequency:
    """Tell how common each word is in the language of its text, the one in which most words are common.

    Attributes:
        common: Zipf frequency; of English words in other languages, the higher of both.
        in_language: Whether enough words of the text are of one language.
        is_foreign: Whether too few are, though there are words enough to tell.
        is_german: Whether the language is German.
    """

    common: Floats
    in_language: Bools
    is_foreign: Bools
    is_german: Bools


def _most(zipf: Floats) -> Floats:
    """Return how common each of m words is where it is most common; columns are faster than rows."""
    most: Floats = np.ascontiguousarray(zipf.T).max(axis=0)
    return most


def _frequency(
    words: WordSequence, facts: WordFacts, s: ReleaseRuleSettings, languages: tuple[str, ...]
) -> _Frequency:
    known = facts.known
    zipf = known.zipf.take(words.code, axis=0)
    count = words.per_text(words.is_word)
    is_name = ((known.name_lists > 0) & ~facts.listed.no_names | known.is_country | facts.listed.brands)[
        words.code
    ]
    # A short text takes the strictest language: words that are names, too, do not show which it is in.
    is_name &= (_most(known.zipf) < s.common_though_a_name)[words.code] | (count < s.fewest_words)[words.text]
    votes = np.where(is_name, _VOTE_OF_A_NAME, 1) * words.is_word
    common_words = words.per_text(zipf >= s.common_in_language)
    voted = zipf
    if "en" in languages:
        # English words are used in all languages: `Webinar Steuererklärung` is German.
        english = zipf[:, [languages.index("en")]]
        voted = np.maximum(zipf, np.where(english >= s.common_english, ENGLISH_VOTE * english, 0))
    votes_for = words.per_text(voted * votes[:, None].astype(np.float32))
    if "hi" in languages:
        votes_for[:, languages.index("hi")] *= _VOTE_FOR_HINDI
    no_votes = words.per_text(words.is_word & ~is_name) == 0
    best = np.where(no_votes, 0, votes_for.argmax(axis=1))[words.text]
    in_language = common_words.max(axis=1) / np.maximum(count, 1) >= s.share_in_language
    is_foreign = ~in_language & (count >= s.fewest_words)
    common = zipf[np.arange(len(zipf)), best]
    if "en" in languages:
        english = zipf[:, languages.index("en")]
        is_hindi = np.array([language == "hi" for language in languages])[best]
        least = np.where(is_hindi, s.common_english_in_hindi, s.common_english)
        common = np.maximum(common, np.where(english >= least, english, 0))
    is_german = np.array([language == "de" for language in languages])[best]
    return _Frequency(common, in_language[words.text], is_foreign[words.text], is_german)
