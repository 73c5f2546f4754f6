"""Phone numbers as people write them: found once, whatever the region."""

from collections.abc import Sequence

import phonenumbers

# Seven digits and more with what people put between them, and an extension.
NUMBER = (
    r"(?<![\w.])(?:\+|\b00|\()?\s?\(?\d(?:[\s.\-/()\u00a0\u2010-\u2015\u202f]{0,3}\d){6,16}"
    r"(?:\s?(?:,|;)?\s?(?:ext\.?|extn\.?|x|#|anexo|ramal|durchwahl|dw)\s?\d{1,6})?(?!\w)"
)
# Between those of Presidio's dates and addresses (0.6) and of what is surely neither.
_DIGITS, _IN_GROUPS, _VALID, _INTERNATIONAL = 0.3, 0.4, 0.55, 0.75
_MOST_DIGITS = 15
CONTEXT = (
    "phone",
    "number",
    "telephone",
    "cell",
    "cellphone",
    "mobile",
    "call",
    "fax",
    "tel",
    "handy",
    "telefon",
    "nummer",
    "rückruf",
    "whatsapp",
    "sms",
    "móvil",
    "teléfono",
    "celular",
    "telefone",
    "ligue",
    "appelez",
    "portable",
    "téléphone",
    "nomor",
    "telepon",
    "hp",
    "hubungi",
)


def score(text: str, *, regions: Sequence[str]) -> float:
    """How surely a phone number.

    Bare digits are a number of any kind; written as people write phone numbers they are one, the more surely
    if one of some region. Source: libphonenumber's metadata, by way of phonenumbers; E.164 for the length.
    """
    if text.isdecimal() and not text.startswith("00"):
        return _DIGITS
    if text.lstrip(" (").startswith(("+", "00")):
        return _INTERNATIONAL if _is_valid(text, regions[:1]) else _IN_GROUPS
    return _VALID if _is_valid(text, regions) else _IN_GROUPS


def _is_valid(text: str, regions: Sequence[str]) -> bool:
    if sum(c.isdecimal() for c in text) > _MOST_DIGITS:
        return False
    for region in regions:
        try:
            number = phonenumbers.parse(text, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return True
    return False
