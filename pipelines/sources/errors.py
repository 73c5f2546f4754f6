"""Errors of the parsers: place, reason, next step; never a value.

What DuckDB, Arrow and zlib say quotes the data, so it is never passed on.
"""

import re
from collections.abc import Iterable, Sequence

from pipelines.declarations.errors import PipelineError

MAX_NAMES_SHOWN = 20
# Begins the names that columns without one get.
UNNAMED = "without a name "


class SourceError(PipelineError):
    """A landed file cannot be read as what its contract says; nothing of it is loaded."""


class UnreadableFileError(SourceError):
    """The file as a whole is broken, from some place on."""

    def __init__(self, feed: str, reason: str, *, record: int) -> None:
        super().__init__(
            f"{feed}: {reason} (after record {record}). Nothing of the file was loaded.\n"
            "Fetch it again from where it came, or remove it from the inbox."
        )


class UndeclaredColumnsError(SourceError):
    """A file carries columns that its contract, which stops at such, does not declare."""

    def __init__(self, source: str, names: Iterable[str], *, rows: int) -> None:
        listed = printable_names(names)
        super().__init__(
            f"{source}: {len(listed)} column(s) are not declared: {_shown(listed)} "
            f"({rows} row(s) so far). The file was not loaded.\n"
            f"Leave them out, or declare each in pipelines/contracts/{source}.yml, e.g. `treatment: drop`."
        )


class MissingColumnsError(SourceError):
    """A table lacks columns that every row must have."""

    def __init__(self, source: str, names: Sequence[str], *, form: str = "") -> None:
        read_as = f" {form}" if form else ""
        super().__init__(
            f"{source}: {len(names)} required column(s) are missing: {_shown(names)}.{read_as} "
            "The file was not loaded.\nExport it with these columns."
        )


class UnfitFileError(SourceError):
    """Nearly all records of a file are rejected for one reason: it is not what its feed takes."""

    def __init__(self, feed: str, reason: str, *, rejected: int, read: int, looks_like: str) -> None:
        super().__init__(
            f"{feed}: {rejected} of {read} record(s) are not what this feed takes ({reason}). "
            f"The file looks like {looks_like}. Nothing of it was loaded; it stays where it is.\n"
            "Load it as the feed that it belongs to, or fetch it again in the format that this feed takes."
        )


class UnsupportedFileError(SourceError):
    """The name of a table's file does not say what is in it."""

    def __init__(self, feed: str) -> None:
        super().__init__(
            f"{feed}: the file's ending is none of .parquet, .xlsx, .csv, .tsv, .txt, .json, .jsonl and "
            ".ndjson (all but the first two also with .gz or .zst). It was not loaded.\n"
            "Rename it to say what it is."
        )


class UnsupportedContractError(SourceError):
    """The contracts of a feed need a format that no parser reads."""

    def __init__(self, feed: str, reason: str) -> None:
        super().__init__(f"{feed}: {reason}.\nCorrect the contracts of this feed in pipelines/contracts.")


class AccountingError(SourceError):
    """A parser lost or invented rows: a defect, never the data's fault."""

    def __init__(self, *, read: int, accounted: int) -> None:
        super().__init__(
            f"{read} row(s) were read but {accounted} accounted for. Nothing was loaded.\n"
            "This is a defect of the parser: report it with the kind of file, without the file."
        )


class EngineError(SourceError):
    """The query engine gave up on a batch for a reason the parser did not foresee."""

    def __init__(self, feed: str, kind: str, *, record: int) -> None:
        super().__init__(
            f"{feed}: the batch that begins at record {record} could not be parsed ({kind}). "
            "Nothing of the file was loaded.\n"
            "This is a defect of the parser: report it with the kind of file, without the file."
        )


def printable_names(names: Iterable[str]) -> list[str]:
    """Column names, sorted; what does not look like one (and may be a value) is not shown."""
    looks_like_a_name = {
        n
        if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", n) and not re.search(r"[0-9]{5}", n)
        else "(without a name, perhaps an index)"
        if n.startswith(UNNAMED)
        else "(unprintable)"
        for n in names
    }
    return sorted(looks_like_a_name)


def _shown(names: Sequence[str]) -> str:
    more = f", and {len(names) - MAX_NAMES_SHOWN} more" if len(names) > MAX_NAMES_SHOWN else ""
    return ", ".join(names[:MAX_NAMES_SHOWN]) + more
