"""Draft a contract from a sample: types are inferred, every decision is left to the engineer."""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from anonymizers.text.scrubber import TextScrubber
from pipelines.declarations.contract import Kind, PolicyCategory, Subject, WorkspaceFrom
from pipelines.declarations.errors import SampleError
from pipelines.drafting.advice import Advice, advise, suggests
from pipelines.drafting.samples import Sample, SampleColumn, read_sample

UNDECIDED = "TODO"
_CHARACTERS = re.compile(r"[A-Za-z][\w ./()-]{0,63}")
_DIGITS = re.compile(r"[0-9]{4}")
# lower_case, UPPER_CASE, camelCase, CamelCase. One capitalised word, or two, could be someone's name.
_IDENTIFIER = re.compile(
    "[a-z][a-z0-9]*(_[a-z0-9]+)*|[A-Z][A-Z0-9]*(_[A-Z0-9]+)+|[a-z]+([A-Z][a-z0-9]+)+|([A-Z][a-z0-9]+){2,}"
)


def draft(path: Path, *, name: str, scrubber: TextScrubber) -> str:
    """Draft a contract from a sample file (YAML).

    The draft holds names, inferred types and suggestions; no value of the sample. It does not
    load: every treatment, category and description reads `TODO`.

    Raises:
        SampleError: The file cannot be read, or its column names look like data.
    """
    sample = read_sample(path)
    _refuse_data_as_names(path, sample)
    names = _unique([_words(column.name) for column in sample.columns])
    entries = [
        _column(column, name=words, advice=advise(column, name=words, scrubber=scrubber))
        for column, words in zip(sample.columns, names, strict=True)
    ]
    return "\n".join([*_head(sample, name), *(line for entry in entries for line in entry)]) + "\n"


def _head(sample: Sample, name: str) -> Iterator[str]:
    yield f"# Drafted from {sample.rows} sampled rows. It loads when every {UNDECIDED} is decided."
    yield "# Hints, not decisions: they come from what is masked in free text, and from names of columns."
    yield f"source: {name}  # <source>__<entity>, the name of this file"
    yield f'description: {UNDECIDED}  # begins with the grain: "One row per ..."'
    yield f"owner: {UNDECIDED}"
    yield f"reader: {sample.reader}"
    yield f"landing: {UNDECIDED}  # below the inbox, e.g. shop/orders/*"
    yield f"kind: {UNDECIDED}  # {' or '.join(Kind)}"
    yield f"primary_key: [{UNDECIDED}]"
    yield "# event_time: the column that says when it happened (an event needs it)"
    yield "# version: the column that says which state is newer (an entity needs it)"
    yield f"policy: {UNDECIDED}  # {', '.join(PolicyCategory)}"
    yield f"subject: {UNDECIDED}  # {', '.join(Subject)}"
    yield "unknown: stop"
    yield "workspace:"
    yield f"  from: {UNDECIDED}  # {', '.join(WorkspaceFrom)}"
    yield "columns:"


def _column(column: SampleColumn, *, name: str, advice: Advice) -> Iterator[str]:
    option = f" ({advice.option})" if advice.option else ""
    yield f"  {name}:"
    if name != column.name:
        yield f"    path: {_quoted(column.name)}"
    yield f"    type: {column.type}"
    if column.format:
        yield f"    format: {column.format}"
    yield f"    # Suggested: {advice.treatment}{option}. Because: {'; '.join(advice.reasons)}."
    yield f"    treatment: {UNDECIDED}"
    yield f"    category: {UNDECIDED}  # perhaps {advice.category}"
    yield f"    description: {UNDECIDED}"


def _refuse_data_as_names(path: Path, sample: Sample) -> None:
    """Refuse names that may be data: the first row of a file without a header would be printed."""
    if places := [i for i, column in enumerate(sample.columns, 1) if not _is_plain(column)]:
        raise SampleError(
            path.name,
            f"the name of column {', '.join(map(str, places))} may be data. "
            "Give the sample a header of lower-case words, e.g. order_total.",
        )


def _is_plain(column: SampleColumn) -> bool:
    name = column.name
    if name in column.values or _DIGITS.search(name) or not _CHARACTERS.fullmatch(name):
        return False
    return bool(_IDENTIFIER.fullmatch(name)) or suggests(_words(name))


def _words(name: str) -> str:
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    words = re.sub(r"[^a-z0-9]+", "_", split.lower()).strip("_")
    return words if re.match("[a-z]", words) else f"column_{words}".rstrip("_")


def _unique(names: list[str]) -> list[str]:
    return [
        f"{name}_{names[:i].count(name) + 1}" if name in names[:i] else name for i, name in enumerate(names)
    ]


def _quoted(name: str) -> str:
    return yaml.safe_dump(name, default_style='"', allow_unicode=True, width=1_000).strip()
