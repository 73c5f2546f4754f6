"""Facts about the five countries of the world: numbers, languages, habits, rates, prices.

Rates are of the order that providers and senders publish for 2024-2026; they make the funnel look
right, nothing is calibrated on them.
"""

from dataclasses import dataclass

import numpy as np

from pipelines.synthetic.randomness import Ints

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
    """One country. ``prefixes`` and ``digits`` make mobile numbers that libphonenumber calls valid."""

    code: str
    calling_code: str
    prefixes: tuple[str, ...]
    digits: int
    time_zones: tuple[str, ...]
    languages: tuple[tuple[str, float], ...]
    name_locales: tuple[str, ...]
    currency: str
    vat: float
    whatsapp_price: dict[str, float]
    sms_price: float
    payment_methods: tuple[str, ...]
    rates: Rates

    @property
    def numbers(self) -> int:
        """How many different mobile numbers there are."""
        return len(self.prefixes) * int(10**self.digits)

    def phones(self, people: Ints) -> Ints:
        """Phone numbers of people, as integers with the calling code; different for different people."""
        slot = (people * _STRIDE + 1_234_567) % self.numbers
        bases = np.array([int(self.calling_code + p) for p in self.prefixes]) * 10**self.digits
        numbers: Ints = bases[slot // 10**self.digits] + slot % 10**self.digits
        return numbers


def _texts(words: str) -> tuple[str, ...]:
    return tuple(words.split())


COUNTRIES = (
    Country(
        code="DE",
        calling_code="49",
        prefixes=_texts(
            "1511 1512 1514 1515 1516 1517 1520 1522 1523 1525 1573 1575 1577 1578 1590 "
            "160 162 163 170 171 172 173 174 175 176 177 178 179"
        ),
        digits=7,
        time_zones=("Europe/Berlin",),
        languages=(("de", 0.93), ("en", 0.07)),
        name_locales=("de_DE",),
        currency="EUR",
        vat=0.19,
        whatsapp_price={"marketing": 0.1131, "utility": 0.0456, "authentication": 0.0636, "service": 0.0},
        sms_price=0.075,
        payment_methods=("sepa", "card", "transfer"),
        rates=Rates(0.022, 0.03, 0.72, 0.015, 0.09, 0.035, 0.005),
    ),
    Country(
        code="SG",
        calling_code="65",
        prefixes=_texts("81 82 83 84 85 86 87 88 90 91 92 93 94 96 97 98"),
        digits=6,
        time_zones=("Asia/Singapore",),
        languages=(("en", 0.8), ("zh", 0.2)),
        name_locales=("zh_CN", "en_GB", "en_IN"),
        currency="SGD",
        vat=0.09,
        whatsapp_price={"marketing": 0.0988, "utility": 0.0208, "authentication": 0.0208, "service": 0.0},
        sms_price=0.055,
        payment_methods=("card", "transfer", "wallet"),
        rates=Rates(0.018, 0.022, 0.76, 0.012, 0.08, 0.04, 0.004),
    ),
    Country(
        code="US",
        calling_code="1",
        # Exchange 555 is not given to subscribers.
        prefixes=tuple(
            area + "555"
            for area in _texts(
                "206 212 213 214 215 216 224 240 253 267 281 301 302 303 305 310 312 313 314 317 323 404 "
                "405 408 410 412 414 415 425 469 480 503 504 512 513 520 602 609 612 614 615 617 619 650 "
                "702 703 704 713 718 773 801 813 816 832 858 904 915 916 919 971"
            )
        ),
        digits=4,
        time_zones=("America/New_York", "America/Chicago", "America/Los_Angeles"),
        languages=(("en", 0.88), ("es", 0.12)),
        name_locales=("en_US", "es_MX"),
        currency="USD",
        vat=0.0,
        whatsapp_price={"marketing": 0.025, "utility": 0.004, "authentication": 0.0135, "service": 0.0},
        sms_price=0.0083,
        payment_methods=("card", "transfer"),
        rates=Rates(0.05, 0.05, 0.58, 0.03, 0.07, 0.03, 0.008),
    ),
    Country(
        code="BR",
        calling_code="55",
        prefixes=tuple(a + "9" + b for a in _texts("11 21 31 41 51 61 71 81 85 92") for b in "6789"),
        digits=7,
        time_zones=("America/Sao_Paulo", "America/Manaus"),
        languages=(("pt_BR", 0.97), ("es", 0.03)),
        name_locales=("pt_BR",),
        currency="BRL",
        vat=0.0,
        whatsapp_price={"marketing": 0.0625, "utility": 0.0068, "authentication": 0.0068, "service": 0.0},
        sms_price=0.018,
        payment_methods=("pix", "card"),
        rates=Rates(0.035, 0.03, 0.82, 0.04, 0.12, 0.07, 0.005),
    ),
    Country(
        code="IN",
        calling_code="91",
        prefixes=_texts("98 99 97 96 95 94 93 90 89 88 87 86 81 80 79 78 77 76 75 74 73 72 70 63 62"),
        digits=8,
        time_zones=("Asia/Kolkata",),
        languages=(("en", 0.62), ("hi", 0.38)),
        name_locales=("en_IN",),
        currency="INR",
        vat=0.18,
        whatsapp_price={"marketing": 0.0118, "utility": 0.0014, "authentication": 0.0014, "service": 0.0},
        sms_price=0.0025,
        payment_methods=("upi", "card", "transfer"),
        rates=Rates(0.045, 0.04, 0.74, 0.05, 0.08, 0.05, 0.006),
    ),
)
