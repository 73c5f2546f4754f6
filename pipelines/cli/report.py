"""Print summaries: what was read and what happened to it, on the screen and as exit codes."""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Column, Table
from rich.text import Text

from pipelines.declarations.errors import UsageError

if TYPE_CHECKING:
    from typing import BinaryIO

    import pyarrow as pa

    from pipelines.ingestion.ingest import Ingested
    from warehouse.ledger.batches import Count
    from warehouse.progress import Progress

F = TypeVar("F", bound=StrEnum)

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_QUARANTINED = 3

_NUMBER = re.compile(r"[-+]?(\d|$)")

# A drawn table is a text.
_ENDINGS_OF_TABLES = ("", ".txt", ".md")
_NO_ENDINGS = (".table", ".chart")

# Where no terminal says how wide it is, lines stay whole.
WIDTH_OF_FILES = 10_000

# Results go to stdout, everything else to stderr, so that a result can be piped.
OUT = Console(width=None if sys.stdout.isatty() else WIDTH_OF_FILES)
ERR = Console(stderr=True, width=None if sys.stderr.isatty() else WIDTH_OF_FILES)


class RowsFormat(StrEnum):
    """Formats of a list."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


class UnknownEndingError(UsageError):
    """A file's ending names no format."""

    def __init__(self, output: Path, endings: Iterable[str]) -> None:
        known = ", ".join([*(each for each in endings if each not in _NO_ENDINGS), ".txt"])
        super().__init__(f"{output.suffix} is no format of this answer. Choose one of: {known}.")


def right(*names: str) -> list[Column]:
    """Return columns of numbers."""
    return [Column(name, justify="right") for name in names]


def bare_table(*columns: str | Column, title: str | None = None, style: str = "") -> Table:
    """Return a table without rules."""
    return Table(
        *columns,
        title=title,
        title_justify="left",
        style=style,
        box=None,
        pad_edge=False,
        header_style="bold",
    )


def show_rows(
    rows: Sequence[Mapping[str, object]],
    *,
    as_json: bool = False,
    output: Path | None = None,
    nothing: str = "",
) -> None:
    """Print rows of one kind as a table or JSON, or write them to a file as its ending says.

    Args:
        nothing: What to say instead of a table without rows.
    """
    format_ = RowsFormat.JSON if as_json else chosen(RowsFormat, None, output)
    if format_ is RowsFormat.JSON:
        write_json([*rows], output)
    elif format_ is RowsFormat.CSV:
        import pyarrow as pa

        write_csv(pa.Table.from_pylist([*rows]), str(output))
    elif rows:
        table = bare_table(
            *(
                Column(name, justify="right" if _NUMBER.match(str(value)) else "left")
                for name, value in rows[0].items()
            )
        )
        for row in rows:
            table.add_row(*map(_cell, row.values()))
        write_table(table, output)
    else:
        OUT.print(nothing)


def _cell(value: object) -> Text:
    match value:
        case None:
            return Text()
        case bool():
            return Text("yes" if value else "no")
        case int():
            return Text(f"{value:,}")
        case _:
            return Text(str(value))


def chosen(formats: type[F], given: F | None, output: Path | None) -> F:
    """Return the format that was asked for: by name, by the file's ending, else the first one."""
    endings, ending = {f".{each}": each for each in formats}, output.suffix.lower() if output else ""
    if given is None and output is not None and ending not in {*endings, *_ENDINGS_OF_TABLES}:
        raise UnknownEndingError(output, endings)
    return given or endings.get(ending) or next(iter(formats))


def write_json(value: object, output: Path | None = None) -> None:
    """Write a value as JSON to a file or the screen."""
    write_text(json.dumps(value, default=_plain, indent=1) + "\n", output)


def _plain(value: object) -> object:
    """Return a number for a sum, which DuckDB gives as a decimal, and a text for all else."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)


def write_text(text: str, output: Path | None = None) -> None:
    """Write a text to a file or the screen, as it is."""
    output.write_text(text, "utf-8") if output else sys.stdout.write(text)


def write_table(table: Table, output: Path | None = None) -> None:
    """Write a table to a file or the screen, as wide as that is."""
    if output is None:
        OUT.print(table)
        return
    with output.open("w", encoding="utf-8") as file:
        Console(file=file, width=WIDTH_OF_FILES).print(table)


def write_csv(rows: "pa.Table", sink: "BinaryIO | str") -> None:
    """Write rows as CSV in which no text is a formula to a spreadsheet.

    A cell of text that begins as a formula does gets an apostrophe in front, as OWASP advises against CSV
    injection; `wasms ingest` takes it away again. Numbers stay as they are.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    for i, field in enumerate(rows.schema):
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
            texts = rows.column(i).cast(pa.large_string())
            harmless = pc.replace_substring_regex(texts, r"^([=+\-@\t\r])", r"'\1", max_replacements=1)
            rows = rows.set_column(i, field.name, harmless)
    csv.write_csv(rows, sink)


def print_summary(results: "Iterable[Ingested]") -> bool:
    """Print what became of all rows, by data set; return whether any was quarantined."""
    results = list(results)
    print_counts(count for result in results for count in result.counts)
    read = [result for result in results if result.status in ("committed", "dry run")]
    _print_notes("file(s) without any row", Counter(result.feed for result in read if not result.rows_read))
    repeated = len(results) - len(read)
    if repeated:
        OUT.print(f"{repeated} file(s) were ingested before or by another run: nothing was loaded twice.")
    _print_notes("row(s) carried undeclared columns, which were not read", _total(r.unknown for r in results))
    _print_notes("value(s) that the contract does not allow were not kept", _total(r.masked for r in results))
    _print_notes("text(s) that no recognizer could check were redacted", _total(r.redacted for r in results))
    quarantined = sum(c.rows for r in results for c in r.counts if c.outcome == "quarantined")
    if quarantined and not any(result.status == "dry run" for result in results):
        ERR.print(f"{quarantined} row(s) are in quarantine, encrypted. See `wasms quarantine list`.")
    return bool(quarantined)


def print_problems(problems: Iterable[str]) -> None:
    """Print what went wrong, one line each, in red."""
    for problem in problems:
        ERR.print(problem, style="red", markup=False, highlight=False)


def leave(*, failed: bool, quarantined: bool) -> None:
    """End a command with the exit code for what happened; do nothing where all went well."""
    if failed or quarantined:
        raise typer.Exit(EXIT_FAILED if failed else EXIT_QUARANTINED)


def print_counts(counts: "Iterable[Count]") -> None:
    """Print one line per data set; dropped and quarantined rows by reason."""
    by_source: dict[str, Counter[str]] = {}
    reasons: dict[str, Counter[str]] = {}
    for count in counts:
        by_source.setdefault(count.source, Counter())[count.outcome] += count.rows
        if count.reason and count.outcome != "duplicate":
            reasons.setdefault(count.source, Counter())[f"{count.outcome}: {count.reason}"] += count.rows
    if not by_source:
        return
    table = bare_table(
        Column("data set", no_wrap=True, min_width=28),
        *right("read", "kept", "duplicate", "dropped", "quarantined"),
        Column("why", overflow="fold"),
    )
    for source, outcomes in sorted(by_source.items()):
        why = ", ".join(
            f"{reason} {rows:,}" for reason, rows in sorted(reasons.get(source, Counter()).items())
        )
        numbers = [outcomes[o] for o in ("kept", "duplicate", "dropped", "quarantined")]
        table.add_row(source, *(f"{n:,}" for n in (outcomes.total(), *numbers)), why)
    OUT.print(table)


def _print_notes(what: str, totals: Counter[str]) -> None:
    for name, rows in sorted(totals.items()):
        if rows:
            ERR.print(f"{name}: {rows:,} {what}.")


def _total(parts: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return total


@contextmanager
def stages() -> Iterator["Progress"]:
    """Show one bar per stage on stderr, gone when done; silent where nobody watches."""
    with Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=ERR,
        transient=True,
    ) as bars:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield show
