"""Read how common words are in each language, and which are names of people or places.

Frequencies: wordfreq 3.1 (Apache-2.0; data CC BY-SA 4.0, Speer 2022), words used at least once per million.
Names of people, cities and regions: the locales of Faker (MIT). Places: descriptions of area codes in
phonenumbers (Apache-2.0). Countries and large cities: CLDR by way of Babel (Unicode-3.0, BSD-3-Clause).
All are read from these packages; none is copied into the project.
"""

import importlib
import pkgutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
_WORD = r"[\p{L}\p{M}]+"
_ZIPF_PER_BILLION = 9
# The share of all uses that the thousandth word of a language has.
_COMMON = 1e-4


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Hold how common each of n words is in each of l languages, and m names; both sorted.

    Attributes:
        languages: The l languages, as ISO 639-1 codes.
        words: The n words in lower case, as they are written.
        zipf: How common each word is, n x l: log10 of its uses per billion words; 0 = not known.
        bare: The m words of names in lower case, without accents.
        name_lists: On how many lists of people's names (one per locale of Faker) each of the m is.
        is_place: Whether each of the m is part of the name of a place.
        is_country: Whether each of the m is part of the name of a country or large city (in CLDR).
    """

    languages: tuple[str, ...]
    words: pl.Series
    zipf: NDArray[np.float32]
    bare: pl.Series
    name_lists: NDArray[np.int32]
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
            is_place=names["is_place"].to_numpy(),
            is_country=names["is_country"].to_numpy(),
        )


@gc_paused()
def known_words(settings: TextSettings) -> pl.DataFrame:
    """Read all word lists from their packages; takes about a second.

    The words that `text.yml` lists as harmless count as common in their language, whatever wordfreq knows; a
    language that wordfreq does not have consists of them.

    Returns:
        One row per word, sorted: `word`; `name_lists`, `is_place` and `is_country` as in `Lexicon`, null for
        what is no name; then the Zipf frequency in one column per language, null for what is only a name.
    """
    people = (
        _bare_words(_people())
        .group_by("word")
        .agg(pl.col("of").n_unique().cast(pl.Int32).alias("name_lists"))
    )
    places = _bare_words({0: _places()}).select("word", is_place=True).unique()
    of_atlases = set(_countries_and_large_cities(settings.languages))
    countries = _bare_words({0: of_atlases}).select("word", is_country=True).unique()
    names = (
        people.join(places, on="word", how="full", coalesce=True)
        .join(countries, on="word", how="full", coalesce=True)
        .with_columns(pl.col("name_lists").fill_null(0), pl.col("is_country").fill_null(False))
        .with_columns(pl.col("is_place").fill_null(False) | pl.col("is_country"))
    )
    return names.join(
        _frequencies(settings.languages, settings.harmless), on="word", how="full", coalesce=True
    ).sort("word")


def positions(sorted_words: pl.Series, wanted: pl.Series) -> NDArray[np.int64]:
    """Return the index of each wanted word among the sorted ones; -1 if it is not there."""
    found = sorted_words.search_sorted(wanted).to_numpy().astype(np.int64)
    found = np.minimum(found, len(sorted_words) - 1)
    return np.where((sorted_words.gather(found) == wanted).to_numpy(), found, -1)


def bare(words: pl.Expr) -> pl.Expr:
    """Return words in lower case without accents, which people leave out of names."""
    return words.str.to_lowercase().str.normalize("NFD").str.replace_all(r"\p{M}", "")


def _frequencies(languages: Sequence[str], harmless: Mapping[str, Iterable[str]]) -> pl.DataFrame:
    """Return one row per word, sorted: `word`, and its Zipf frequency in one column per language."""
    import wordfreq

    tables = {}
    for language in dict.fromkeys((*languages, *harmless)):
        known = wordfreq.get_frequency_dict(language, wordlist="small") if language in languages else {}
        tables[language] = known | {w: max(_COMMON, known.get(w, 0)) for w in harmless.get(language, ())}
    spoken = {language: pl.Series("word", list(table), dtype=pl.String) for language, table in tables.items()}
    words = pl.concat(list(spoken.values())).unique().sort()
    zipf = np.zeros((len(words), len(tables)), dtype=np.float32)
    for column, (language, table) in enumerate(tables.items()):
        frequencies = np.log10(np.fromiter(table.values(), np.float64)) + _ZIPF_PER_BILLION
        zipf[positions(words, spoken[language]), column] = frequencies
    return pl.DataFrame(zipf, schema=list(tables)).insert_column(0, words)


def _people() -> dict[int, set[str]]:
    """Return the names of people in each locale of Faker, by its number."""
    import faker.providers.person

    return {
        number: set(_strings([v for k, v in attributes.items() if k.startswith(_OF_PEOPLE) and "name" in k]))
        for number, attributes in enumerate(_providers(faker.providers.person))
    }


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

    for language in languages:
        locale = Locale(language)
        yield from (name for code, name in locale.territories.items() if code.isalpha())
        yield from (zone["city"] for zone in locale.time_zones.values() if zone.get("city"))


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


def _bare_words(lists: Mapping[int, Collection[str]]) -> pl.DataFrame:
    """Return the words in lists of names, one row each: `of` (the number of the list) and `word`."""
    texts = pl.DataFrame(
        {"of": list(lists), "word": [list(texts) for texts in lists.values()]},
        schema={"of": pl.Int32, "word": pl.List(pl.String)},
    ).explode("word")
    words = bare(pl.col("word")).str.extract_all(_WORD)
    return texts.with_columns(words).explode("word").drop_nulls()
