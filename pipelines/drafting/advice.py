"""Suggest a treatment for a column that nobody has decided on, with the reason and without a value."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from anonymizers.text.scrubber import Mask, TextScrubber
from anonymizers.treatments import Treatment, ValueType
from pipelines.declarations import strict_yaml
from pipelines.declarations.errors import DetectorError
from pipelines.declarations.strict_yaml import Strict
from pipelines.drafting.samples import SampleColumn

SAMPLED_VALUES = 200
# Recognizers of free text are slow on long input, and a column shows its kind early.
SAMPLED_CHARACTERS = 200
# One value in ten is a pattern; fewer is what a name recognizer sees in any text.
NOTABLE_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Advice:
    """A suggested treatment with its option, the likely data category, and why."""

    treatment: Treatment
    option: str
    category: str
    reasons: tuple[str, ...]


class _Tables(Strict):
    """The content of `advice.yml`: rules by name, and names of rules by what speaks for them."""

    rules: dict[str, tuple[Treatment, str, str]]
    by_mask: dict[str, str]
    by_name: tuple[tuple[str, str, str], ...]
    by_type: dict[ValueType, tuple[str, str]]


@cache
def _tables() -> _Tables:
    text = (files("pipelines.drafting") / "advice.yml").read_bytes()
    return strict_yaml.parse(text, _Tables, failure=lambda problems: ValueError(f"advice.yml: {problems}"))


def advise(column: SampleColumn, *, name: str, scrubber: TextScrubber) -> Advice:
    """Suggest a treatment for one column.

    What its values look like weighs more than its name, and its name more than its type. All
    that was noticed is a reason, also what did not decide.

    Args:
        column: The sampled column.
        name: Its name in lower-case words.
        scrubber: Finds what is personal in texts.

    Raises:
        DetectorError: It broke.
    """
    found = list(_found(column, scrubber))
    tables = _tables()
    named = [
        (rule, f"its name suggests {what}") for words, what, rule in tables.by_name if _says(name, words)
    ]
    typed, reason = tables.by_type.get(column.type, ("harmless", f"{column.type} without a finding"))
    rule = next((rule for rule, _ in [*found, *named]), typed)
    if rule == "name" and _is_prose(column):
        rule = "text"
    reasons = tuple(why for _, why in [*found, *named]) or (reason,)
    return Advice(*tables.rules[rule], reasons)


def _found(column: SampleColumn, scrubber: TextScrubber) -> Iterator[tuple[str, str]]:
    if column.type not in (ValueType.VARCHAR, ValueType.JSON, ValueType.BIGINT):
        return
    texts = [value[:SAMPLED_CHARACTERS] for value in dict.fromkeys(column.values)][:SAMPLED_VALUES]
    counts = Counter(
        name for masks in _masks(texts, scrubber) for name in {mask.name for mask in masks or ()}
    )
    by_mask = _tables().by_mask
    for name in sorted(by_mask, key=lambda name: -counts[name]):
        if texts and (share := counts[name] / len(texts)) >= NOTABLE_SHARE:
            yield by_mask[name], f"{name.strip('<>')} in {share:.0%} of {len(texts)} values"


def _masks(texts: Sequence[str], scrubber: TextScrubber) -> Sequence[Sequence[Mask] | None]:
    try:
        return scrubber.masks(texts) if texts else []
    except Exception as error:  # noqa: BLE001
        # Whatever a recognizer raises may quote the text it failed on.
        raise DetectorError(type(error).__name__) from None


def _says(name: str, words: str) -> bool:
    return re.search(rf"(^|_)({words})s?(_|$)", name) is not None


def suggests(name: str) -> bool:
    """Return whether a name in lower-case words suggests by itself what its column holds."""
    return any(_says(name, words) for words, _, _ in _tables().by_name)


def _is_prose(column: SampleColumn) -> bool:
    words = [len(value.split()) for value in column.values]
    return bool(words) and sum(words) / len(words) > 4
