"""Verify check digits of numbers that Presidio has no recognizer for, with python-stdnum.

Each check reads the decimal digits of a text, of any script, and ignores everything between them.
"""

from collections.abc import Callable, Mapping

from stdnum import luhn
from stdnum.br import cnpj, cpf


def is_luhn(text: str) -> bool:
    """Return whether the last digit is right for an IMEI or ICCID (ISO/IEC 7812-1, annex B)."""
    return luhn.is_valid(_digits(text))


def is_cpf(text: str) -> bool:
    """Return whether the digits are the number of a person in Brazil (CPF); one digit repeated is not."""
    digits = _digits(text)
    return len(set(digits)) > 1 and cpf.is_valid(digits)


def is_cnpj(text: str) -> bool:
    """Return whether the digits are the number of a company in Brazil (CNPJ, digits only)."""
    return cnpj.is_valid(_digits(text))


CHECKSUMS: Mapping[str, Callable[[str], bool]] = {"luhn": is_luhn, "cpf": is_cpf, "cnpj": is_cnpj}


def _digits(text: str) -> str:
    return "".join(str(int(c)) for c in text if c.isdecimal())
