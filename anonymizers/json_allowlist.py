"""JSON objects of a workspace's own making: only declared keys survive, and their values are scrubbed."""

import json
from collections.abc import Sequence

import polars as pl

from anonymizers.text.scrubber import TextScrubber, scrubbed_texts

# A contact's custom fields are small; a text this long is not worth the risk of parsing it.
_LONGEST = 65_536

_NUMBER = "<NUMBER>"
# Of a number in a text, more would be masked: a phone number may come without quotes.
_MOST_DIGITS = 2

Scalar = str | int | float | bool | None


def allowlisted(documents: pl.Series, *, allow: Sequence[str], scrubber: TextScrubber) -> pl.Series:
    """Reduce objects to their declared keys; same order.

    Args:
        documents: JSON objects as text.
        allow: Keys that may stay, where their value is a scalar.
        scrubber: Cleans the values that are text.

    Returns:
        Canonical JSON (keys sorted, no spaces); null where nothing is left, and where the text is not a JSON
        object, is too long or too deep.
    """
    distinct = documents.drop_nulls().unique(maintain_order=True).to_list()
    objects = [_scalars(text, allow) for text in distinct]
    safe = scrubbed_texts([v for o in objects for v in o.values() if isinstance(v, str)], scrubber=scrubber)
    reduced = [_canonical(o, safe) for o in objects]
    known = pl.DataFrame(
        {"document": distinct, "safe": reduced}, schema=dict.fromkeys(("document", "safe"), pl.String)
    )
    return (
        documents.rename("document")
        .to_frame()
        .join(known, on="document", how="left", maintain_order="left")["safe"]
    )


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
