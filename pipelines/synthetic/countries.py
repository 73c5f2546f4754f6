"""Read the facts about the countries of the generated world: numbers, languages, rates, prices."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from pipelines.synthetic.data import read
from pipelines.synthetic.randomness import Floats, Ints

# Prime to every size of a numbering plan, so that `index -> number` hits each number once.
_STRIDE = 7_368_787


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares of messages by outcome; `click`, `reply` and `opt_out` are of those delivered."""

    whatsapp_failed: float
    whatsapp_stuck: float
    whatsapp_read: float
    sms_failed: float
    click: float
    reply: float
    opt_out: float


@dataclass(frozen=True, slots=True)
class Country:
    """One country. ``prefixes`` and ``digits`` make mobile numbers that libphonenumber calls valid.

    ``languages`` are shares by code, the first language first. Names of businesses are put together as
    ``business`` says, of a name and a trade that are no person's.
    """

    code: str
    calling_code: str
    prefixes: tuple[int, ...]
    digits: int
    time_zones: tuple[str, ...]
    languages: dict[str, float]
    name_locales: tuple[str, ...]
    business_names: tuple[str, ...]
    trades: tuple[str, ...]
    business: str
    currency: str
    vat: float
    whatsapp_price: dict[str, float]
    sms_price: float
    payment_methods: tuple[str, ...]
    rates: Rates

    @property
    def numbers(self) -> int:
        """Return how many different mobile numbers there are."""
        return len(self.prefixes) * int(10**self.digits)

    def phones(self, people: Ints) -> Ints:
        """Return phone numbers as integers with the calling code; different for different people."""
        slot = (people * _STRIDE + 1_234_567) % self.numbers
        bases = np.array([int(f"{self.calling_code}{p}") for p in self.prefixes]) * 10**self.digits
        numbers: Ints = bases[slot // 10**self.digits] + slot % 10**self.digits
        return numbers


def rates(name: str, country: Ints) -> Floats:
    """Return one of the rates for each row, by the place of its country."""
    return np.array([getattr(c.rates, name) for c in countries()])[country]


@cache
def countries() -> tuple[Country, ...]:
    """Read `countries.yml` once."""
    return tuple(read("countries", list[Country]))
