"""Define `wasms sql`: ask the published marts or the restricted zone."""

import sys
from contextlib import redirect_stdout, suppress
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import Annotated, cast

import duckdb
import typer

from pipelines.cli.options import HomeOption, OutputOption, home_at, runtime_at
from pipelines.cli.reading import published_copy, restricted_zone
from pipelines.cli.report import ERR, OUT, chosen, write_csv, write_text
from pipelines.metrics.asked_days import ask_for_days_of
from warehouse.store.connection import identifier

PROMPT, MORE = "wasms> ", "  ...> "
_LEAVE = frozenset({"\\q", "quit", "exit"})
# On a terminal. A pipe or a file gets all, which DuckDB draws up to a limit of its own.
ROWS_SHOWN, MOST_DRAWN, _ALL = 200, 10_000, 2**31 - 1
# Kinds of value of which Arrow makes no text.
_NO_CELL = ("interval", "list", "array", "struct", "map", "union", "bit")
_OF_DAYS = "fct_messages of {first} to {last}, as their published slices count."


class OutputFormat(StrEnum):
    """Formats of rows."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def sql(
    query: Annotated[str | None, typer.Argument(help="The query. Without it, a prompt opens.")] = None,
    format_: Annotated[
        OutputFormat | None,
        typer.Option(
            "--format",
            help="How to write the rows. Default: by the ending of the file, else a table.",
            show_default=False,
        ),
    ] = None,
    output: OutputOption = None,
    restricted: Annotated[
        bool,
        typer.Option("--restricted", help="Query pseudonymous rows instead. Needs the keys, and is logged."),
    ] = False,
    memory: Annotated[str, typer.Option(help="How much memory a restricted query may take.")] = "2GB",
    home: HomeOption = None,
) -> None:
    """Query the published marts in SQL and print the rows.

    Writes nothing to the warehouse. Without --restricted it waits for no lock and shows no personal data.
    """
    format_ = chosen(OutputFormat, format_, output)
    if format_ is OutputFormat.PARQUET and output is None:
        raise typer.BadParameter("parquet needs a file: --output marts.parquet", param_hint="--format")
    if restricted:
        warning = "These rows are personal data: a copy of them is under no window."
        with restricted_zone(
            runtime_at(home),
            what="sql --restricted",
            warning=warning,
            memory_limit=memory,
            needs_facts=False,
        ) as connection:
            _answer(connection, query, format_, output)
        return
    with published_copy(home_at(home)) as connection:
        connection.execute("set search_path = 'main,cubes'")
        connection.execute("set enable_external_access = false") if output is None else None
        _answer(connection, query, format_, output)


def _answer(
    connection: duckdb.DuckDBPyConnection, query: str | None, format_: OutputFormat, output: Path | None
) -> None:
    if query is not None:
        if not _write(connection, query, format_, output):
            raise typer.Exit(1)
        return
    OUT.print("Tables:", ", ".join(_tables(connection)))
    OUT.print("A query ends with ; or an empty line. \\q or Ctrl-D leaves.")
    while (asked := _read_query()) is not None:
        _write(connection, asked, format_, output)


def _in_cells(relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Return a relation whose values all are something to Arrow's writer of CSV: nested ones are texts."""
    names = [identifier(n) for n, t in zip(relation.columns, relation.types, strict=True) if t.id in _NO_CELL]
    texts = ", ".join(f"{name}::varchar as {name}" for name in names)
    return relation.project(f"* replace ({texts})") if names else relation


def _write(
    connection: duckdb.DuckDBPyConnection, query: str, format_: OutputFormat, output: Path | None
) -> bool:
    try:
        first, last = ask_for_days_of(connection, query)
        if first or last:
            ERR.print(_OF_DAYS.format(first=first or "the first day", last=last or "the last"), style="dim")
        # Statements that return nothing give no relation, whatever the stub says.
        relation = cast("duckdb.DuckDBPyRelation | None", connection.sql(query))
        if relation is None:
            return True
        match format_:
            case OutputFormat.TABLE:
                write_text(_drawn(relation, is_whole=output is not None or not OUT.is_terminal), output)
            case OutputFormat.CSV:
                write_csv(_in_cells(relation).to_arrow_table(), str(output) if output else sys.stdout.buffer)
            case OutputFormat.JSON:
                rows = connection.sql(f"select to_json(r)::varchar from ({query.rstrip('; ')}) r").fetchall()
                text = "[" + ",\n".join(row for (row,) in rows) + "]\n"
                write_text(text, output)
            case OutputFormat.PARQUET:
                relation.to_parquet(str(output))
    except duckdb.Error as error:
        # The person asking wrote the query and may read what is in the tables: the text helps.
        ERR.print(str(error), style="red", markup=False, highlight=False)
        return False
    return True


def _drawn(relation: duckdb.DuckDBPyRelation, *, is_whole: bool) -> str:
    rows, width = (_ALL, _ALL) if is_whole else (ROWS_SHOWN, OUT.width)
    with redirect_stdout(StringIO()) as drawn:
        relation.show(max_rows=rows, max_width=width, max_col_width=width)
    text = drawn.getvalue().rstrip() + "\n"
    if is_whole and text.count("\n") > MOST_DRAWN:
        ERR.print(f"A table shows {MOST_DRAWN:,} rows at most. --format csv or json gives all.")
    return text


def _tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    rows = connection.execute(
        "select table_name from information_schema.tables "
        "where table_schema in ('main', 'cubes', 'restricted', 'store') order by 1"
    ).fetchall()
    return [name for (name,) in rows]


def _read_query() -> str | None:
    """Return what is typed up to `;`, an empty line or the end, as it may be pasted; None = leave."""
    lines: list[str] = []
    with suppress(EOFError):
        while not lines or (lines[-1] and not lines[-1].endswith(";")):
            lines.append(input(MORE if lines else PROMPT).strip())
            if lines[-1] in _LEAVE:
                return None
    return "\n".join(lines) or None
