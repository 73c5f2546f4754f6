"""Personal data hidden in ways that people and machines hide it: made-up people, over twenty techniques."""

import base64
import html
import random
from collections.abc import Callable, Iterator
from urllib.parse import quote

_NAMES = (
    "Anna Schmidt",
    "Siya Davidson",
    "Ilja Wulf",
    "Mateus Carvalho",
    "Putri Wulandari",
    "Chloé Lefèvre",
    "Rajesh Iyer",
    "Fiona O'Brien",
    "Joaquín Herrera",
    "Nurul Aisyah",
    "Giulia Bianchi",
    "Thabo Mokoena",
)
_NUMBERS = (
    "+49 1512 5550142",
    "0171 5550199",
    "(212) 555-0187",
    "+55 11 95555-0123",
    "+65 8555 0134",
    "98765 50123",
    "+44 7700 900123",
    "089/555 01 77",
    "4111 1111 1111 1111",
    "5500-0055-5555-5559",
)
_ADDRESSES = (
    "anna.schmidt@mail.example",
    "siya_d@shop.example.com",
    "ilja+news@example.org",
    "mateus.carvalho@example.com.br",
    "p.wulandari@example.co.id",
    "chloe@lefevre.example",
)
_CARRIERS = (
    "Hi, {} is waiting for you",
    "please call {} today",
    "Your order for {} is on the way",
    "the message to {} failed",
    "thanks, {}",
    "Bitte rufen Sie {} an",
    "Tu pedido para {} está listo",
    "{}",
    "Sua entrega para {} chegou",
    "error: could not send to {} (retry)",
)
_LEET = str.maketrans("aeiostAEIOST", "431057431057")
_CYRILLIC = str.maketrans("aceopxyABCEHKMOPTX", "асеорхуАВСЕНКМОРТХ")
_WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def _each(text: str, change: Callable[[str], str]) -> str:
    return "".join(change(c) for c in text)


def _double_base64(text: str) -> str:
    return base64.b64encode(base64.b64encode(text.encode())).decode()


def _bold(text: str) -> str:
    return _each(
        text,
        lambda c: (
            chr(0x1D400 + ord(c) - 65 + (-6 if c.islower() else 0)) if c.isascii() and c.isalpha() else c
        ),
    )


def _digits_to(first: int) -> Callable[[str], str]:
    return lambda text: _each(text, lambda c: chr(first + int(c)) if c in "0123456789" else c)


_OF_ANYTHING: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "percent": lambda t: "".join(f"%{b:02X}" for b in t.encode()),
    "percent twice": lambda t: quote("".join(f"%{b:02x}" for b in t.encode()), safe=""),
    "percent where needed": lambda t: quote(t, safe=""),
    "decimal entities": lambda t: _each(t, lambda c: f"&#{ord(c)};"),
    "hexadecimal entities": lambda t: _each(t, lambda c: f"&#x{ord(c):x};"),
    "named entities": html.escape,
    "JSON escapes": lambda t: _each(t, lambda c: f"\\u{ord(c):04x}"),
    "base64": lambda t: base64.b64encode(t.encode()).decode(),
    "base64 twice": _double_base64,
    "base64 for URLs, no padding": lambda t: base64.urlsafe_b64encode(t.encode()).decode().rstrip("="),
    "full width": lambda t: _each(t, lambda c: chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c),
    "zero-width spaces": "\u200b".join,
    "soft hyphens": "\u00ad".join,
    "override of direction": lambda t: f"\u202e{t}\u202c",
    "marks over letters": lambda t: _each(t, lambda c: c + "\u0323" if c.isalnum() else c),
    "a line for each part": lambda t: t.replace(" ", "\n"),
    "in a path": lambda t: t.replace(" ", "_"),
    "in a query": quote,
    "in brackets and quotes": str,
}
_CONTAINERS = {
    "in a path": "/contacts/{}/edit",
    "in a query": "/search?q={}&page=2",
    "in brackets and quotes": '["{}"]',
}
_OF_NAMES: dict[str, Callable[[str], str]] = {
    "lower case": str.lower,
    "upper case": str.upper,
    "spaced letters": lambda t: " ".join(t.replace(" ", "")),
    "dotted letters": lambda t: ".".join(t.replace(" ", "")),
    "leet": lambda t: t.translate(_LEET),
    "Cyrillic letters": lambda t: t.translate(_CYRILLIC),
    "mathematical bold": _bold,
    "camel case": lambda t: t.replace(" ", ""),
    "underscores": lambda t: t.replace(" ", "_").lower(),
    "initial": lambda t: f"{t[0]}. {t.split()[1]}",
    "last name first": lambda t: ", ".join(reversed(t.split())),
}
_OF_NUMBERS: dict[str, Callable[[str], str]] = {
    "digits apart": lambda t: " ".join(c for c in t if c.isdigit()),
    "digits as words": lambda t: " ".join(_WORDS[int(c)] for c in t if c.isdigit()),
    "dots": lambda t: t.replace(" ", ".").replace("-", "."),
    "Arabic digits": _digits_to(0x660),
    "Devanagari digits": _digits_to(0x966),
    "mathematical digits": _digits_to(0x1D7CE),
    "letters for digits": lambda t: t.replace("0", "O").replace("1", "l"),
}
_OF_ADDRESSES: dict[str, Callable[[str], str]] = {
    "at in words": lambda t: t.replace("@", " at ").replace(".", " dot "),
    "at in brackets": lambda t: t.replace("@", " [at] ").replace(".", " [dot] "),
    "spaces around the at sign": lambda t: t.replace("@", " @ "),
    "full-width at sign": lambda t: t.replace("@", "＠"),
}


def evasions(amount: int = 1_500, *, seed: int = 7) -> Iterator[tuple[str, str, str]]:
    """Technique, text, and the part of the text that must be masked, spread evenly over techniques."""
    drawn = random.Random(seed)
    techniques = [
        *((name, change, _NAMES + _NUMBERS + _ADDRESSES) for name, change in _OF_ANYTHING.items()),
        *((f"name: {name}", change, _NAMES) for name, change in _OF_NAMES.items()),
        *((f"number: {name}", change, _NUMBERS) for name, change in _OF_NUMBERS.items()),
        *((f"address: {name}", change, _ADDRESSES) for name, change in _OF_ADDRESSES.items()),
    ]
    for number in range(amount):
        technique, change, secrets = techniques[number % len(techniques)]
        secret = drawn.choice(secrets)
        hidden = _CONTAINERS.get(technique, "{}").format(change(secret))
        # A plus sign or a bracket before a number says nothing, however it is encoded.
        part = change(secret.lstrip("+("))
        yield technique, drawn.choice(_CARRIERS).format(hidden), part if part in hidden else change(secret)
