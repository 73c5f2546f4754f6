"""Make names of people and businesses: pools from Faker, made once per world, drawn by index."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain

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


@dataclass(frozen=True)
class Names:
    """First or last names, country after country: ``parts`` says where each begins and how many it has.

    ``factor`` and ``modulus`` spread people over the names of their country.
    """

    all: tuple[str, ...]
    parts: tuple[tuple[int, int], ...]
    factor: int
    modulus: int

    def indices(self, country: int, people: Ints) -> Ints:
        """Return the name of each person of one country, the same in every workspace."""
        start, count = self.parts[country]
        return start + people * self.factor % self.modulus % count

    @cached_property
    def texts(self) -> pl.Series:
        return pl.Series(self.all)

    @cached_property
    def json(self) -> pl.Series:
        return pl.Series([escaped(n) for n in self.all])

    @cached_property
    def slugs(self) -> pl.Series:
        return pl.Series([slug(n) for n in self.all])

    @cached_property
    def are_gsm(self) -> Flags:
        return np.array([is_gsm(n) for n in self.all])


@dataclass(frozen=True, slots=True)
class Pool:
    """Names of all countries; a person holds an index into each of the two."""

    first: Names
    last: Names

    def name(self, country: int, person: Ints) -> tuple[str, str]:
        """Return first and last name of one person of a country."""
        first, last = (names.all[int(names.indices(country, person)[0])] for names in (self.first, self.last))
        return first, last


def make_pool(seed: int) -> Pool:
    """Draw the names of all countries from Faker."""
    drawn = [[_names_of(locale, str(seed)) for locale in c.name_locales] for c in countries()]
    first, last = ([[n for pair in of for n in pair[which]] for of in drawn] for which in (0, 1))
    return Pool(_names(first, 2_654_435_761, 4_294_967_291), _names(last, 40_503_281, 2_147_483_647))


def _names(by_country: list[list[str]], factor: int, modulus: int) -> Names:
    starts = accumulate(map(len, by_country), initial=0)
    parts = tuple((start, len(names)) for start, names in zip(starts, by_country, strict=False))
    return Names(tuple(chain(*by_country)), parts, factor, modulus)


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
