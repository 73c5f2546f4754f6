"""Check digits of numbers that Presidio has no recognizer for; each takes a text whose digits it reads."""

from collections.abc import Callable, Mapping, Sequence


def luhn(text: str) -> bool:
    """IMEI (3GPP TS 23.003, annex B) and ICCID (ITU-T E.118): ISO/IEC 7812-1, annex B."""
    digits = _digits(text)
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[::-2]) + sum(doubled)) % 10 == 0


def cpf(text: str) -> bool:
    """Persons in Brazil (Receita Federal): eleven digits, two of them check digits modulo 11."""
    digits = _digits(text)
    return len(digits) == 11 and _modulo_11(digits, range(10, 1, -1), range(11, 1, -1))


def cnpj(text: str) -> bool:
    """Companies in Brazil (Receita Federal): fourteen digits, two of them check digits modulo 11."""
    digits = _digits(text)
    weights = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]
    return len(digits) == 14 and _modulo_11(digits, weights[1:], weights)


CHECKSUMS: Mapping[str, Callable[[str], bool]] = {"luhn": luhn, "cpf": cpf, "cnpj": cnpj}


def _digits(text: str) -> list[int]:
    return [int(c) for c in text if c.isdecimal()]


def _modulo_11(digits: Sequence[int], *rounds: Sequence[int]) -> bool:
    """Whether each check digit is the weighted sum of all digits before it, modulo 11; 10 counts as 0."""
    return len(set(digits)) > 1 and all(
        digits[len(weights)] == 10 * sum(map(int.__mul__, digits, weights)) % 11 % 10 for weights in rounds
    )
