"""Find phone numbers as people write them, by one pattern for all regions."""

# Seven to 17 digits with what people put between them, and an extension.
NUMBER = (
    r"(?<![\w.])(?:\+|\b00|\()?\s?\(?\d(?:[\s.\-/()\u00a0\u2010-\u2015\u202f]{0,3}\d){6,16}"
    r"(?:\s?(?:,|;)?\s?(?:ext\.?|extn\.?|x|#|anexo|ramal|durchwahl|dw)\s?\d{1,6})?(?!\w)"
)
# Below the score of Presidio's dates and addresses (0.6), unless it is surely neither.
_DIGITS, _IN_GROUPS, _INTERNATIONAL = 0.3, 0.4, 0.65
CONTEXT = (
    "phone", "number", "telephone", "cell", "cellphone", "mobile", "call", "fax", "tel", "handy", "telefon",
    "nummer", "rückruf", "whatsapp", "sms", "móvil", "teléfono", "celular", "telefone", "ligue", "appelez",
    "portable", "téléphone", "nomor", "telepon", "hp", "hubungi",
)  # fmt: skip


def score(text: str) -> float:
    """Return how sure it is, from 0 to 1, that what the pattern matches is a phone number.

    Digits alone may be any number; in groups or after two zeros they are written as people write phone
    numbers; after a plus sign they are hardly anything else (ITU-T E.123).
    """
    if text.isdecimal() and not text.startswith("00"):
        return _DIGITS
    return _INTERNATIONAL if "+" in text else _IN_GROUPS
