"""Phone numbers as people write them: found once, whatever the region."""

# Seven digits and more with what people put between them, and an extension.
NUMBER = (
    r"(?<![\w.])(?:\+|\b00|\()?\s?\(?\d(?:[\s.\-/()\u00a0\u2010-\u2015\u202f]{0,3}\d){6,16}"
    r"(?:\s?(?:,|;)?\s?(?:ext\.?|extn\.?|x|#|anexo|ramal|durchwahl|dw)\s?\d{1,6})?(?!\w)"
)
# Between those of Presidio's dates and addresses (0.6) and of what is surely neither.
_DIGITS, _IN_GROUPS, _INTERNATIONAL = 0.3, 0.4, 0.65
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

    Bare digits are a number of any kind; in groups or behind two zeros they are written as people write phone
    numbers; behind a plus sign they are hardly anything else (ITU-T E.123).
    """
    if text.isdecimal() and not text.startswith("00"):
        return _DIGITS
    return _INTERNATIONAL if "+" in text else _IN_GROUPS
