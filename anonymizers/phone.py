"""Spell phone numbers of one subscriber alike, and tell the country of a number."""

import re
import unicodedata

import phonenumbers
import polars as pl

from anonymizers.columns import filled
from anonymizers.unicode import without_format_characters

# E.164 (ITU-T) allows 15 digits; below 7 it is a short code or an extension.
_SHORTEST, _LONGEST = 7, 15

_REGIONS = phonenumbers.COUNTRY_CODE_TO_REGION_CODE
_CODE = r"^\+(" + "|".join(map(str, sorted(_REGIONS))) + ")"
_COUNTRY_OF_CODE = {
    str(code): regions[0]
    for code, regions in _REGIONS.items()
    if len(regions) == 1 and regions[0] != phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY
}
_SHARED_CODES = frozenset(str(code) for code, regions in _REGIONS.items() if len(regions) > 1)
# In North America the area code decides (1 and three digits); elsewhere eight digits are enough.
_COUNTRY_PREFIX_DIGITS = 8
# What completes a number; some numbering plans have no numbers that end in 0000.
_FILLERS = ("2345678901", "0000000000")

_ADDRESS = re.compile(
    r"(?:whatsapp|tel|sms|rcs):\s*|(?::[0-9]+)?@(?:s\.whatsapp\.net|c\.us)\Z", re.IGNORECASE
)
_SEPARATORS = re.compile(r"[\s\-.\u2010-\u2015\u2212/()\[\]]")
_DIGITS = re.compile(r"(?:\+|00)?([1-9][0-9]+)\Z")

# The spellings that nearly every value has; all others are read one by one.
_PLAIN = r"^[ \t]*(?:whatsapp:)?(?:\+|00)?[1-9][0-9 \t\-./()]*$"

# A number written with its trunk zero (+44 0…, but +39 0… and +225 0… are right), and an Argentinian
# mobile with 15 after its area code: libphonenumber's metadata knows which is which.
_NEEDS_METADATA = "^(?:54[0-9]{12}$|(?:" + "|".join(map(str, sorted(_REGIONS))) + ")0)"

# One subscriber, two spellings; both are seen, because WhatsApp keeps the spelling an account was registered
# under and libphonenumber 9.0 treats both as numbers of their own:
# * Mexico: mobile 1 after +52, abolished in 2019, still in WhatsApp ids (521…).
# * Argentina: mobile 9 after +54, required by WhatsApp, left out by many senders.
# * Brazil: mobiles (first digit 6-9) got a ninth digit until 2016; ids made before lack it.
# https://faq.whatsapp.com/1294841057948784, https://github.com/wwebjs/whatsapp-web.js/issues/596
_SAME_SUBSCRIBER = (
    (r"^521([0-9]{10})$", "52${1}", r"52\1"),
    (r"^549([0-9]{10})$", "54${1}", r"54\1"),
    (r"^55([1-9][0-9])([6-9][0-9]{7})$", "55${1}9${2}", r"55\g<1>9\2"),
)


def normalise_phone(text: str) -> str:
    """Return the one spelling of a phone number: `+` and digits; a text that is no number is only trimmed.

    `normalise_phones` must return the same.

    Args:
        text: A number with or without +, 00 or separators, a WhatsApp id, or a provider's address
            (`whatsapp:+…`, `…@c.us`). Digits alone are taken as international, as WhatsApp ids are.

    Returns:
        E.164 (ITU-T), one spelling where a country has two for one subscriber; digits alone where the number
        is national or short; otherwise the trimmed text, so that an odd value still gets its own token.
    """
    trimmed = without_format_characters(unicodedata.normalize("NFKC", text)).strip()
    address = _ADDRESS.sub("", trimmed).replace("(0)", "")
    compact = _ascii_digits(_SEPARATORS.sub("", address))
    match = _DIGITS.match(compact)
    if match and _SHORTEST <= len(match[1]) <= _LONGEST:
        digits = match[1]
        return "+" + _one_subscriber(
            _by_metadata(f"+{digits}") if re.match(_NEEDS_METADATA, digits) else digits
        )
    if compact.isdecimal():
        return compact
    parsed = _by_metadata(address)
    return "+" + _one_subscriber(parsed) if parsed.isdecimal() else trimmed


def normalise_phones(texts: pl.Series) -> pl.Series:
    """Return `normalise_phone` of each of the n texts, in order; null stays null."""
    raw, digits = pl.col("raw"), pl.col("digits")
    kept = raw.str.replace_all("(0)", "", literal=True).str.replace_all(r"[^0-9]", "").str.strip_prefix("00")
    frame = texts.to_frame("raw").select(digits=pl.when(raw.str.contains(_PLAIN)).then(kept))
    easy = digits.str.len_bytes().is_between(_SHORTEST, _LONGEST) & ~digits.str.contains(_NEEDS_METADATA)
    for pattern, replacement, _ in _SAME_SUBSCRIBER:
        digits = digits.str.replace(pattern, replacement)
    number = frame.select(pl.when(easy).then("+" + digits)).to_series()
    return filled(number, texts, normalise_phone).rename(texts.name)


def countries(numbers: pl.Series) -> pl.Series:
    """Return the country (ISO 3166-1 alpha-2) of each of n normalised numbers, in order; null if unknown.

    Where countries share a code (+1, +7, +44 …), it is looked up once per leading digits and length.
    """
    code = pl.col("code")
    frame = numbers.to_frame("number").with_columns(code=pl.col("number").str.extract(_CODE))
    known = frame.select(code.replace_strict(_COUNTRY_OF_CODE, default=None, return_dtype=pl.String))
    number = pl.when(code.is_in(list(_SHARED_CODES))).then(pl.col("number"))
    prefix = number.str.slice(1, pl.when(code == "1").then(4).otherwise(_COUNTRY_PREFIX_DIGITS))
    key = pl.concat_str(code, prefix, number.str.len_bytes(), separator=" ")
    return filled(known.to_series(), frame.select(key).to_series(), _shared_country).rename(numbers.name)


def _shared_country(key: str) -> str | None:
    """Return the country of numbers, of which a key gives code, leading digits and length with the plus."""
    code, prefix, length = key.split(" ")
    for filler in _FILLERS:
        national = (prefix + filler)[: int(length) - 1].removeprefix(code)
        number = phonenumbers.PhoneNumber(
            country_code=int(code),
            national_number=int(national or "0"),
            italian_leading_zero=national.startswith("0") or None,
        )
        if region := phonenumbers.region_code_for_number(number):
            return str(region)
    return None


def _one_subscriber(digits: str) -> str:
    for pattern, _, replacement in _SAME_SUBSCRIBER:
        digits = re.sub(pattern, replacement, digits)
    return digits


def _by_metadata(text: str) -> str:
    """Return the digits of the number by libphonenumber, or the text without its plus."""
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return text.removeprefix("+")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:]


def _ascii_digits(text: str) -> str:
    return "".join(str(unicodedata.decimal(c, c)) for c in text)
