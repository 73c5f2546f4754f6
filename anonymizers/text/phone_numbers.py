"""Phone numbers as people write them: found once, whatever the region."""

import phonenumbers

# Seven digits and more with what people put between them, and an extension.
NUMBER = (
    r"(?<![\w.])(?:\+|\b00|\()?\s?\(?\d(?:[\s.\-/()\u00a0\u2010-\u2015\u202f]{0,3}\d){6,16}"
    r"(?:\s?(?:,|;)?\s?(?:ext\.?|extn\.?|x|#|anexo|ramal|durchwahl|dw)\s?\d{1,6})?(?!\w)"
)
# Between those of Presidio's dates and addresses (0.6) and of what is surely neither.
_DIGITS, _IN_GROUPS, _INTERNATIONAL = 0.3, 0.4, 0.75
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


def score(text: str) -> float:
    """How surely a phone number.

    Bare digits are a number of any kind; in groups they are written as people write phone numbers; with the
    code of a country they are one if its numbers are such. Source: libphonenumber, by way of phonenumbers.
    """
    if text.isdecimal() and not text.startswith("00"):
        return _DIGITS
    return _INTERNATIONAL if text.lstrip(" (").startswith(("+", "00")) and _is_valid(text) else _IN_GROUPS


def _is_valid(text: str) -> bool:
    try:
        # 00 is what most regions dial for a plus sign, Germany among them.
        return phonenumbers.is_valid_number(phonenumbers.parse(text, "DE"))
    except phonenumbers.NumberParseException:
        return False
