"""Reduce JSON objects that workspaces make up to declared keys, and scrub their values."""

import json
from collections.abc import Sequence

import polars as pl

from anonymizers.columns import mapped
from anonymizers.text.scrubber import TextScrubber, scrubbed_texts

# A contact's custom fields are small; a text this long is not worth the risk of parsing it.
_LONGEST = 65_536

_NUMBER = "<NUMBER>"
# Of a number in a text, more would be masked: a phone number may come without quotes.
_MOST_DIGITS = 2

Scalar = str | int | float | bool | None


def allowlisted(documents: pl.Series, *, allow: Sequence[str], scrubber: TextScrubber) -> pl.Series:
    """Reduce n JSON objects to declared keys whose values are scalars.

    Args:
        documents: The n objects as text.
        allow: Keys that may stay.
        scrubber: Scrubs the values that are text; numbers of more than two digits are masked.

    Returns:
        n objects in order, keys sorted and without spaces; null where nothing is left, and where the text is
        no JSON object, too long or too deep.
    """

    def reduced(distinct: list[str]) -> list[str | None]:
        objects = [_scalars(text, allow) for text in distinct]
        texts = [value for scalars in objects for value in scalars.values() if isinstance(value, str)]
        safe = scrubbed_texts(texts, scrubber=scrubber)
        return [_canonical(scalars, safe) for scalars in objects]

    return mapped(documents, reduced)


def _scalars(text: str, allow: Sequence[str]) -> dict[str, Scalar]:
    if len(text) > _LONGEST:
        return {}
    try:
        # Of a key that stands twice the last one counts, and no value of it escapes the scrubber.
        document = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(document, dict):
        return {}
    return {k: v for k, v in document.items() if k in allow and not isinstance(v, dict | list)}


def _canonical(scalars: dict[str, Scalar], safe: dict[str, str]) -> str | None:
    if not scalars:
        return None
    cleaned = {k: safe[v] if isinstance(v, str) else _number(v) for k, v in scalars.items()}
    return json.dumps(cleaned, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _number(value: Scalar) -> Scalar:
    if value is None or isinstance(value, bool):
        return value
    return value if sum(c.isdigit() for c in json.dumps(value)) <= _MOST_DIGITS else _NUMBER


def _refuse(_: str) -> Scalar:
    raise ValueError("not JSON")
