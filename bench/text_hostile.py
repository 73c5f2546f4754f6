"""Make texts that may break a scrubber or keep it busy, as machines and attackers write them."""

import base64
from collections.abc import Iterator
from urllib.parse import quote

# Made up (RFC 2606); each text holds both, where they stand in the way of what is hostile.
SECRETS = ("anna.canary@example.org", "+49 1512 5550142")
# As long as a text may be that is read at all (`text.yml`).
_LONGEST = 10_000

# Repeated until a text is full.
_REPEATED = {
    "digits": "7",
    "letters": "a",
    "letters and a digit": "aaaaaaa1",
    "at signs": "@",
    "dots": ".",
    "opening brackets": "(",
    "square brackets": "[]",
    "quotes": "\"'",
    "backslashes": "\\",
    "spaces": " ",
    "lines": "\n",
    "digits and spaces": "1 ",
    "digits and hyphens": "1-",
    "digits and dots": "1.",
    "a letter, a digit": "a1",
    "letters and at signs": "a@",
    "letters and dots": "a.",
    "letters and hyphens": "a-",
    "words and the word at": "a at ",
    "words and the word dot": "a dot ",
    "addresses without an end": "a.b+c@d.",
    "percent signs": "%",
    "percent escapes": "%41",
    "percent escapes in percent escapes": "%252541",
    "entities": "&#65;",
    "entities in entities": "&amp;amp;#65;",
    "entities without an end": "&#",
    "JSON escapes": "\\u0041",
    "JSON escapes of halves of pairs": "\\ud83d",
    "elements": "<b>a</b>",
    "elements without an end": "<b ",
    "angle brackets": "<>",
    "our own masks": "<NUMBER>",
    "beginnings of IBANs": "DE89 ",
    "IBANs": "DE89370400440532013000 ",
    "an IBAN without an end": "DE89 3704 0044 0532 ",
    "dates": "12/05/1990 ",
    "days and months": "1 may ",
    "IP addresses": "203.0.113.7 ",
    "an IP address without an end": "203.",
    "beginnings of IPv6 addresses": "2001:",
    "colons": ":",
    "pairs of hexadecimal digits": "0f:",
    "a hash without an end": "0f",
    "card numbers": "4111 1111 1111 1111 ",
    "schemes": "http://",
    "hosts": "www.a.",
    "queries": "&a=1",
    "slashes": "/",
    "names": "Anna ",
    "greetings": "Dear ",
    "names of secrets": "password=",
    "secrets": "token: x7x7x7x7 ",
    "streets": "Calle Ana María ",
    "number words": "one two ",
    "handles": "@anna ",
    "marks": "a\u0323\u0301",
    "marks of nothing": "\u0301",
    "ligatures": "\ufb03",
    "ligatures that are sentences": "\ufdfa",
    "spaces of no width": "1\u200b",
    "soft hyphens": "a\u00ad",
    "right to left": "\u202e7\u202c",
    "NULs": "\0",
    "NULs and digits": "7\0",
    "digits of every script": "7\u0667\u096d\uff17",
    "digits in circles": "\u2776",
    "superscripts": "\u00b2",
    "letters that grow in lower case": "\u0130",
    "faces and their families": "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "of no script": "\U0010ffff",
}


def hostile_texts() -> Iterator[tuple[str, str]]:
    """Names and texts; in each stand `SECRETS`, one at either end."""
    for name, part in _REPEATED.items():
        yield name, _between(part)
    for name, middle in _MADE.items():
        yield name, f"{SECRETS[0]} {middle} {SECRETS[1]}"
    yield "secrets within digits", "7".join(["", *SECRETS, ""])
    yield "secrets encoded four times", _encoded(" ".join(SECRETS), times=4)
    yield "secrets in base64 in a line", base64.b64encode((" ".join(SECRETS) * 100).encode()).decode()
    yield "secrets, many times", " ".join(SECRETS * 200)


def _between(part: str) -> str:
    room = _LONGEST - sum(len(secret) + 1 for secret in SECRETS)
    return f"{SECRETS[0]} {part * (room // len(part.encode()))} {SECRETS[1]}"


def _encoded(text: str, *, times: int) -> str:
    for _ in range(times):
        text = quote(text, safe="")
    return text


_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_MADE = {
    "a URL of many segments": "https://shop.example.com/" + "a1/" * 3_000,
    "a URL of many parameters": "https://shop.example.com/?" + "&".join(f"k{n}=v{n}" for n in range(900)),
    "a host of many names": "https://" + "a." * 4_000 + "com",
    "a domain of hyphens": "a@" + "-" * 5_000 + "." + "-" * 4_000,
    "almost an address": "a" * 4_900 + "@" + "b" * 4_900,
    "almost an address, many times": ("a" * 60 + "@" + "b" * 60 + " ") * 80,
    "almost a phone number": "+" + "1 (2" * 2_000,
    "base64 of nothing": base64.b64encode(bytes(range(256)) * 28).decode(),
    "base64 of digits": base64.b64encode(b"1234567890" * 700).decode(),
    "words that no list knows": " ".join(f"{a}{b}{c}q" for a in _LETTERS for b in _LETTERS for c in "xyz"),
    "words of capitals": " ".join(f"{a}{b}Q".upper() for a in _LETTERS for b in _LETTERS) * 2,
    "one word of every letter": "".join(map(chr, range(0x100, 0x1300))),
    "brackets in brackets": "(" * 4_900 + ")" * 4_900,
    "half of a pair": "a \ud800 b",
    "5 MB of letters": "a" * 5_000_000,
    "5 MB of digits": "1 2" * 1_700_000,
    "5 MB of escapes": "%2541" * 1_000_000,
}
