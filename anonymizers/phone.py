"""Spell phone numbers of one subscriber alike, and tell the country of a number."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from importlib import resources

import phonenumbers
import polars as pl
import yaml

from anonymizers.columns import filled, mapped
from anonymizers.unicode import without_format_characters

# E.164 (ITU-T) allows 15 digits; below 7 it is a short code or an extension.
_SHORTEST, _LONGEST = 7, 15

_REGIONS = phonenumbers.COUNTRY_CODE_TO_REGION_CODE
_CODE = r"^\+(" + "|".join(map(str, sorted(_REGIONS))) + ")[0-9]*$"
_SHARED_CODES = frozenset(str(code) for code, regions in _REGIONS.items() if len(regions) > 1)
# In North America the area code decides (1 and three digits); elsewhere eight digits are enough.
_COUNTRY_PREFIX_DIGITS = 8
# What completes a number; some numbering plans have no numbers that end in 0000.
_FILLERS = ("2345678901", "0000000000")

# WhatsApp's business-scoped user id, and that of a parent business: the country of the user comes first
# (https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids).
USER_ID = r"^([A-Z]{2})\.(?:ENT\.)?[A-Za-z0-9]{1,128}$"

_ADDRESS = re.compile(
    r"(?:whatsapp|tel|sms|rcs):\s*|(?:https?://)?(?:wa\.me/|api\.whatsapp\.com/send/?\?phone=)"
    r"|(?::[0-9]+)?@(?:s\.whatsapp\.net|c\.us)\Z"
    r"|\s*(?:;ext=|\bext\.?|x)\s*[0-9]{1,7}\Z",
    re.IGNORECASE,
)
_SEPARATORS = re.compile(r"[\s\-.\u2010-\u2015\u2212/()\[\]]")
_DIGITS = re.compile(r"(?:\+|00)?([1-9][0-9]+)\Z")
# A spreadsheet's number, or a float's: what stands behind the point is not dialled.
_FLOAT = re.compile(r"(\+?[0-9]{7,15})[.,]0{1,2}\Z")
_THOUSANDS = re.compile(r"\+?[1-9][0-9]{0,2}(?:,[0-9]{3}){2,4}\Z")
# A letter among the digits is a slip of the pen or a word; keypads, which libphonenumber thinks of, are gone.
_LETTER_AFTER_DIGIT = re.compile(r"[0-9].*[^\W\d_]", re.DOTALL)

# The spellings that nearly every value has; all others are read one by one.
_PLAIN = r"^[ \t]*(?:whatsapp:)?(?:\+|00)?[1-9][0-9 \t\-./()]*[0-9]$"
_INTERNATIONAL = r"^[ \t]*(?:whatsapp:)?(?:\+|00)"

# A number written with its trunk zero (+44 0…, but +39 0… and +225 0… are right), and an Argentinian
# mobile with 15 after its area code: libphonenumber's metadata knows which is which.
_NEEDS_METADATA = "^(?:549?[0-9]{12}$|(?:" + "|".join(map(str, sorted(_REGIONS))) + ")0)"


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a numbering plan, with the keys of `numbering_changes.yml`."""

    country: str
    since: date
    before: str
    now: str
    source: str


CHANGES = tuple(
    Change(**change)
    for change in yaml.load(
        resources.files("anonymizers").joinpath("numbering_changes.yml").read_text("utf-8"),
        Loader=yaml.CSafeLoader,
    )
)
_CHANGED = "|".join(change.before for change in CHANGES)
_REPLACEMENTS = tuple((re.compile(c.before), re.sub(r"\$\{(\d)\}", r"\\g<\1>", c.now)) for c in CHANGES)


def normalise_phone(text: str, region: str | None = None) -> str:
    """Return the one spelling of a phone number: `+` and digits; a text that is no number is only trimmed.

    `normalise_phones` must return the same.

    Args:
        text: A number with or without +, 00 or separators, a WhatsApp id, a provider's address
            (`whatsapp:+…`, `…@c.us`), a link to it (`wa.me/…`), or a number as a spreadsheet writes it
            (`4915….0`, `4,915,…`). Digits alone are taken as international, as WhatsApp ids are.
        region: Country in which numbers without + or 00 may be written as they are dialled there (ISO 3166-1
            alpha-2).

    Returns:
        E.164 (ITU-T) by the present numbering plan, one spelling where a country has two for one subscriber;
        digits alone where the number is national or short; otherwise the trimmed text, so that an odd value
        still gets its own token. A user id in a number's place stays one.
    """
    trimmed = without_format_characters(unicodedata.normalize("NFKC", text)).strip()
    if re.match(USER_ID, named := trimmed.removeprefix("whatsapp:")):
        return named
    address = re.sub(r"^\(0\)", "0", _ADDRESS.sub("", trimmed).strip()).replace("(0)", "")
    address = _FLOAT.sub(r"\1", address)
    if _THOUSANDS.match(address):
        address = address.replace(",", "")
    compact = "".join(str(unicodedata.decimal(c, c)) for c in _SEPARATORS.sub("", address))
    if region and (national := _dialled_in(region, compact, in_brackets=address.startswith("("))):
        return "+" + national
    match = _DIGITS.match(compact)
    if match and _SHORTEST <= len(match[1]) <= _LONGEST:
        parsed = _by_metadata(match[1]) if re.match(_NEEDS_METADATA, match[1]) else ""
        return "+" + _present(parsed or match[1])
    if compact.isdecimal():
        return compact
    parsed = "" if _LETTER_AFTER_DIGIT.search(compact) else _by_metadata(address)
    return "+" + _present(parsed) if parsed else trimmed


def normalise_phones(texts: pl.Series, regions: pl.Series | None = None) -> pl.Series:
    """Return `normalise_phone` of each of the n texts, in order; null stays null.

    Args:
        texts: The n texts.
        regions: The n countries to read them by, or null.
    """
    raw, digits = pl.col("raw"), pl.col("digits")
    is_plain = raw.str.contains(_PLAIN) & ~(raw.str.ends_with(".0") | raw.str.ends_with(".00"))
    if regions is not None:
        is_plain &= regions.is_null() | raw.str.contains(_INTERNATIONAL)
    kept = raw.str.replace_all("(0)", "", literal=True).str.replace_all(r"[^0-9]", "").str.strip_prefix("00")
    frame = texts.to_frame("raw").select(digits=pl.when(is_plain).then(kept))
    is_easy = digits.str.len_bytes().is_between(_SHORTEST, _LONGEST) & ~digits.str.contains(_NEEDS_METADATA)
    easy = frame.select(pl.when(is_easy).then(digits)).to_series()
    if len(changed := easy.str.contains(_CHANGED).arg_true()):
        present = easy.gather(changed)
        for change in CHANGES:
            present = present.str.replace(change.before, change.now)
        easy = easy.scatter(changed, present)
    number = frame.select("+" + easy).to_series()
    if regions is None:
        return filled(number, texts, normalise_phone).rename(texts.name)
    keys = texts.to_frame("raw").select(pl.concat_str(regions.fill_null(""), raw, separator=" ")).to_series()
    return filled(number, keys, _spelt_in).rename(texts.name)


def _spelt_in(key: str) -> str:
    """Return `normalise_phone` of a key that gives region and text."""
    region, _, text = key.partition(" ")
    return normalise_phone(text, region)


def countries(numbers: pl.Series) -> pl.Series:
    """Return the country (ISO 3166-1 alpha-2) of each of n normalised numbers, in order; null if unknown.

    Of a user id in a number's place it is the one that the id begins with.

    Null too where a country has no numbers of that length: those are national numbers of another. It is
    looked up once per code and length and, where countries share a code (+1, +7, +44 …), leading digits.
    """
    code, number = pl.col("code"), pl.col("number")
    frame = numbers.to_frame("number").with_columns(code=number.str.extract(_CODE))
    digits = pl.when(code == "1").then(4).otherwise(_COUNTRY_PREFIX_DIGITS)
    prefix = pl.when(code.is_in(list(_SHARED_CODES))).then(number.str.slice(1, digits)).otherwise(code)
    keys = frame.select(pl.concat_str(code, prefix, number.str.len_bytes(), separator=" ")).to_series()
    found = mapped(keys, lambda some: map(_country, some))
    named = numbers.str.extract(USER_ID)
    known = named.is_in(phonenumbers.SUPPORTED_REGIONS)
    return pl.select(pl.when(known).then(named).otherwise(found)).to_series().rename(numbers.name)


def _country(key: str) -> str | None:
    """Return the country of numbers, of which a key gives code, leading digits and length with the plus."""
    code, prefix, length = key.split(" ")
    first = _REGIONS[int(code)][0]
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(first)
    numbers = metadata.general_desc if metadata else None
    if numbers is None or int(length) - 1 - len(code) not in numbers.possible_length:
        return None
    if code not in _SHARED_CODES:
        return str(first)
    for filler in _FILLERS:
        national = (prefix + filler)[: int(length) - 1].removeprefix(code)
        number = phonenumbers.PhoneNumber(
            country_code=int(code),
            national_number=int(national or "0"),
            italian_leading_zero=national.startswith("0") or None,
        )
        if region := phonenumbers.region_code_for_number(number):
            return str(region)
    # Islands and the like, whose numbers are known, share the other codes with the first country.
    return None if code in ("1", "7") else str(first)


def _present(digits: str) -> str:
    """Return the number by the present numbering plan."""
    for before, now in _REPLACEMENTS:
        digits = before.sub(now, digits)
    return digits


def _dialled_in(region: str, compact: str, *, in_brackets: bool) -> str | None:
    """Return the digits of a number that is written as it is dialled in a country; None if it is not.

    Digits without a trunk zero may be both, a national and an international number. They are national where
    the number begins with an area code in brackets, and where ten of them are dialled in North America;
    otherwise the international number goes first, as everywhere. Of digits that can be nothing but national,
    their count is enough: numbers that nobody has, kept for examples, are read too.
    """
    if compact.startswith("00") or not compact.isdecimal() or len(compact) < _SHORTEST:
        return None
    ten = region in _REGIONS[1] and len(compact) == 10
    is_national = compact.startswith("0") or in_brackets or ten
    international = _present(compact)
    if not is_national and _fits(international, phonenumbers.is_valid_number):
        return None
    parsed = _by_metadata(compact, region)
    is_clear = is_national or not _fits(international, phonenumbers.is_possible_number)
    fits = phonenumbers.is_possible_number if is_clear else phonenumbers.is_valid_number
    present = _present(parsed)
    return present if _fits(parsed, fits) or _fits(present, fits) else None


def _fits(digits: str, judge: Callable[[phonenumbers.PhoneNumber], bool]) -> bool:
    try:
        return judge(phonenumbers.parse(f"+{digits}"))
    except phonenumbers.NumberParseException:
        return False


def _by_metadata(text: str, region: str | None = None) -> str:
    """Return the digits of the number by libphonenumber; nothing if it finds none.

    Args:
        region: Where it is dialled; None for an international number, of which the plus may be missing.
    """
    # Both the 9 and the 15 of an Argentinian mobile.
    text = re.sub(r"^549([0-9]{12})$", r"54\1", text)
    try:
        number = phonenumbers.parse(f"+{text}" if text.isdecimal() and not region else text, region)
    except phonenumbers.NumberParseException:
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:]
