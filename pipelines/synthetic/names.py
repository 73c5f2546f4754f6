"""Make names of people and businesses: pools from Faker, made once per world, drawn by index."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from pipelines.synthetic.countries import Country, countries
from pipelines.synthetic.randomness import Flags, Ints

FIRST_NAMES_PER_LOCALE = 320
LAST_NAMES_PER_LOCALE = 420
# RFC 2606: nobody has an address there.
MAIL_DOMAINS = ("example.com", "example.org", "example.net", "mail.example.com", "post.example.org")
_GSM_7 = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€"
)
_TRANSLITERATION = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ã": "a", "á": "a", "â": "a", "à": "a", "ç": "c", "é": "e"}
    | {"ê": "e", "è": "e", "í": "i", "ó": "o", "ô": "o", "õ": "o", "ú": "u", "ñ": "n", " ": "", "'": ""}
)


@dataclass(frozen=True, slots=True)
class Slice:
    """The part of the pool that holds one country's names."""

    start: int
    count: int


@dataclass(frozen=True)
class Pool:
    """Names of all countries in one table; a person holds two indices into it."""

    first: tuple[str, ...]
    last: tuple[str, ...]
    first_of: tuple[Slice, ...]
    last_of: tuple[Slice, ...]

    def first_indices(self, country: int, people: Ints) -> Ints:
        """Return the first name of each person of one country, the same in every workspace."""
        part = self.first_of[country]
        return part.start + people * 2_654_435_761 % 4_294_967_291 % part.count

    def last_indices(self, country: int, people: Ints) -> Ints:
        """Return the last name of each person of one country, the same in every workspace."""
        part = self.last_of[country]
        return part.start + people * 40_503_281 % 2_147_483_647 % part.count

    @cached_property
    def first_texts(self) -> pl.Series:
        return pl.Series(self.first)

    @cached_property
    def last_texts(self) -> pl.Series:
        return pl.Series(self.last)

    @cached_property
    def first_json(self) -> pl.Series:
        return pl.Series([escaped(n) for n in self.first])

    @cached_property
    def last_json(self) -> pl.Series:
        return pl.Series([escaped(n) for n in self.last])

    @cached_property
    def first_slugs(self) -> pl.Series:
        return pl.Series([slug(n) for n in self.first])

    @cached_property
    def last_slugs(self) -> pl.Series:
        return pl.Series([slug(n) for n in self.last])

    @cached_property
    def first_is_gsm(self) -> Flags:
        return np.array([is_gsm(n) for n in self.first])


def make_pool(seed: int) -> Pool:
    """Draw the names of all countries from Faker."""
    first: list[str] = []
    last: list[str] = []
    first_of, last_of = [], []
    for country in countries():
        start_first, start_last = len(first), len(last)
        for locale in country.name_locales:
            given, family = _names_of(locale, str(seed))
            first += given
            last += family
        first_of.append(Slice(start_first, len(first) - start_first))
        last_of.append(Slice(start_last, len(last) - start_last))
    return Pool(tuple(first), tuple(last), tuple(first_of), tuple(last_of))


def company_names(country: Country, *, rng: np.random.Generator, count: int) -> list[str]:
    """Return names of businesses, different as long as there are enough; none is a person's."""
    every = [
        country.business.format(name=name, trade=trade)
        for name in country.business_names
        for trade in country.trades
    ]
    drawn = rng.permutation(len(every))
    return [every[drawn[n % len(every)]] for n in range(count)]


def addresses(locale: str, *, seed: str, count: int) -> list[str]:
    """Return postal addresses of two lines, as on invoices."""
    fake = _faker(locale, seed)
    return [f"{fake.street_address()}\n{fake.postcode()} {fake.city()}" for _ in range(count)]


def escaped(text: str) -> str:
    """Return a text as it stands between the quotes of a JSON string, in ASCII, as providers send it."""
    return json.dumps(text)[1:-1]


def slug(text: str) -> str:
    """Return a text as it stands in an e-mail address."""
    folded = text.lower().translate(_TRANSLITERATION)
    return "".join(c for c in folded if c.isascii() and (c.isalnum() or c == "-"))


def is_gsm(text: str) -> bool:
    """Return whether an SMS of this text fits the 7-bit alphabet (GSM 03.38)."""
    return all(c in _GSM_7 for c in text)


def _names_of(locale: str, seed: str) -> tuple[list[str], list[str]]:
    fake = _faker(locale, seed)
    if locale == "zh_CN":
        # Singaporeans write their Chinese names in Latin letters.
        return (
            _distinct([fake.first_romanized_name() for _ in range(FIRST_NAMES_PER_LOCALE)]),
            _distinct([fake.last_romanized_name() for _ in range(LAST_NAMES_PER_LOCALE)]),
        )
    return (
        _distinct([fake.first_name() for _ in range(FIRST_NAMES_PER_LOCALE)]),
        _distinct([fake.last_name() for _ in range(LAST_NAMES_PER_LOCALE)]),
    )


def _distinct(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _faker(locale: str, seed: str):  # type: ignore[no-untyped-def]
    from faker import Faker

    fake = Faker(locale)
    fake.seed_instance(f"{locale}/{seed}")
    return fake
