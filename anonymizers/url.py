"""Remove persons from the paths, queries and hosts of URLs; the page itself stays."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import polars as pl

from anonymizers.columns import mapped
from anonymizers.text.opaque_ids import ID, is_opaque
from anonymizers.text.scrubber import TextScrubber, scrubbed_texts
from anonymizers.unicode import without_format_characters

URL = "<URL>"
HOST = "<HOST>"
VALUE = "<VALUE>"

_LONGEST = 2_048
_MOST_SEGMENTS = 64
_MOST_FIELDS = 100
# Browsers and proxies encode what was encoded already; deeper than twice is an attempt to hide.
_DECODING_ROUNDS = 2
_MOST_DIGITS = 2
# In the numbers of a path together: a date or a phone number may be spread over its segments.
_MOST_DIGITS_OF_PATH = 4

_LETTERS_OF_PATHS = re.compile(r"[\w\-.~+, ()':!*&=]*\Z")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\Z")
_EXTENSION = re.compile(r"\.[A-Za-z]{1,5}\Z")
_WORD_BREAKS = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])")
_PLACEHOLDER = re.compile(r"<[A-Z_]+>")

# Keys of queries that say something about a page and nothing about a person, and what their values may be.
_PLAIN_WORD = re.compile(r"[a-z][a-z_-]{0,31}\Z")
_SMALL_NUMBER = re.compile(r"[0-9]{1,2}\Z")
_QUERY_KEYS: Mapping[str, re.Pattern[str]] = {
    **dict.fromkeys(("direction", "filter", "format", "hl", "lang", "locale", "order", "sort"), _PLAIN_WORD),
    **dict.fromkeys(
        (f"utm_{part}" for part in ("campaign", "content", "medium", "source", "term")), _PLAIN_WORD
    ),
    **dict.fromkeys(("tab", "theme", "view"), _PLAIN_WORD),
    **dict.fromkeys(("page", "per_page"), _SMALL_NUMBER),
}


@dataclass(frozen=True, slots=True)
class _Parts:
    """Hold what may be stored of one URL if the scrubber finds nothing in its words."""

    scheme: str
    host: str | None
    port: str
    segments: tuple[str, ...]
    query: tuple[tuple[str, str], ...]

    def words(self) -> Iterable[str]:
        """Yield the parts that may contain words."""
        yield from (self.host_words(), *self.segments, *(value for _, value in self.query))

    def host_words(self) -> str:
        """Return the host without `www.` and without its last label."""
        return (self.host or "").removeprefix("www.").rpartition(".")[0]


def scrubbed_urls(urls: pl.Series, *, scrubber: TextScrubber) -> pl.Series:
    """Remove what is personal from n URLs or request targets; return n, in order; null stays null.

    Kept: `http(s)` scheme, host, path segments and declared query keys in which no rule and no recognizer
    finds anything. Dropped: user information, fragment, every other query key. Masked: `<HOST>`, `<ID>`,
    `<NAME>` …, `<VALUE>`; a URL that does not parse becomes `<URL>`.
    """

    def safe(distinct: list[str]) -> list[str]:
        # Sites have few directories: each is read once.
        segment = cache(_segment)
        parsed = [_parse(url, segment) for url in distinct]
        readings = {part: _readings(part) for parts in parsed if parts for part in parts.words()}
        answers = scrubbed_texts([words for words in readings.values() if words], scrubber=scrubber)
        found = {part: _finding(words, answers[words]) for part, words in readings.items() if words}
        return [_assembled(parts, found) if parts else URL for parts in parsed]

    return mapped(urls, safe)


def _parse(url: str, segment: Callable[[str], str]) -> _Parts | None:
    text = without_format_characters(url).strip()
    if len(text) > _LONGEST:
        return None
    try:
        split = urlsplit(text)
        port = f":{split.port}" if split.port else ""
        fields = parse_qsl(split.query, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return None
    segments = split.path.split("/")
    if split.scheme not in ("", "http", "https") or len(segments) > _MOST_SEGMENTS:
        return None
    host = _host(split.netloc) if split.netloc else None
    return _Parts(
        scheme=f"{split.scheme}:" if split.scheme else "",
        host=host,
        port="" if host in (None, "") else port,
        segments=_without_spread_digits(tuple(map(segment, segments))),
        query=tuple(_fields(fields)),
    )


def _host(netloc: str) -> str:
    """Return the host in lower case; empty where it may name a person or a machine."""
    name = netloc.rpartition(":")[0] if re.search(r":[0-9]*\Z", netloc) else netloc
    name = name.casefold().rstrip(".")
    labels = name.split(".")
    if "@" in netloc or len(labels) < 2 or not all(_LABEL.match(label) for label in labels):
        return ""
    punycode = any(label.startswith("xn--") for label in labels)
    return "" if punycode or _is_address(name) or _is_identifier(name) else name


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        # A last label that is a number makes the host an IPv4 address (WHATWG URL).
        return host.rpartition(".")[2][:1].isdigit()
    return True


def _segment(raw: str) -> str:
    """Return the decoded path segment, or `<ID>`."""
    text = raw
    for _ in range(_DECODING_ROUNDS):
        text = unquote(text, errors="replace")
    text = without_format_characters(unicodedata.normalize("NFKC", text))
    # Matrix parameters (`;jsessionid=…`) are dropped with what follows.
    text = text.partition(";")[0]
    return text if _LETTERS_OF_PATHS.match(text) and not _is_identifier(text) else ID


def _without_spread_digits(segments: tuple[str, ...]) -> tuple[str, ...]:
    """Return the segments, with `<ID>` for numbers if there are many digits in them together."""
    digits = sum(len(segment) for segment in segments if segment.isdecimal())
    # A number that is `<ID>` already is the year of a date, or part of what is spread.
    spread = digits > _MOST_DIGITS_OF_PATH or (digits > _MOST_DIGITS and ID in segments)
    return tuple(ID if spread and segment.isdecimal() else segment for segment in segments)


def _is_identifier(text: str) -> bool:
    return sum(c.isdigit() for c in text) > _MOST_DIGITS or is_opaque(text)


def _fields(fields: list[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    seen: dict[str, str] = {}
    for key, value in fields:
        if (harmless := _QUERY_KEYS.get(key)) and key not in seen:
            seen[key] = value if harmless.match(value) and not is_opaque(value) else VALUE
    return seen.items()


def _readings(part: str) -> str:
    """Return the words of a part, with spaces between; empty where there are none."""
    if _PLACEHOLDER.fullmatch(part):
        return ""
    words = " ".join(_WORD_BREAKS.sub(" ", _EXTENSION.sub("", part)).split())
    return words if any(c.isalpha() for c in words) else ""


def _finding(reading: str, answer: str) -> str | None:
    """Return the mask to put for the whole part, or None if the scrubber left it as it was."""
    if answer == reading:
        return None
    placeholder = _PLACEHOLDER.search(answer)
    return placeholder[0] if placeholder else ID


def _assembled(parts: _Parts, found: Mapping[str, str | None]) -> str:
    def safe(part: str, *, otherwise: str | None = None, words: str | None = None) -> str:
        finding = found.get(part if words is None else words)
        return part if finding is None else otherwise or finding

    authority = ""
    if parts.host is not None:
        host = safe(parts.host, otherwise=HOST, words=parts.host_words()) if parts.host else HOST
        authority = f"{parts.scheme}//{host}{parts.port}"
    path = "/".join(_encoded(safe(segment)) for segment in parts.segments)
    query = "&".join(f"{key}={safe(value, otherwise=VALUE)}" for key, value in parts.query)
    return authority + path + (f"?{query}" if query else "")


def _encoded(segment: str) -> str:
    return segment if _PLACEHOLDER.fullmatch(segment) else quote(segment, safe="~+,()':!*&=")
