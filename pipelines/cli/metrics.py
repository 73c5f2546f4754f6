"""Define `wasms metrics`: every number by name, from published tables, or exact from restricted facts."""

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import duckdb
import typer
from rich.bar import Bar
from rich.console import RenderableType
from rich.table import Table as Grid

from pipelines.cli.compare import compare
from pipelines.cli.options import (
    FromOption,
    HomeOption,
    JsonOption,
    OutputOption,
    ToOption,
    completing,
    home_at,
    runtime_at,
)
from pipelines.cli.reading import NotPublishedYetError, published_copy, restricted_zone
from pipelines.cli.report import ERR, OUT, bare_table, chosen, show_rows, write_csv, write_json, write_table
from pipelines.declarations.cube import Period
from pipelines.declarations.disclosure import load_disclosure
from pipelines.declarations.errors import MetricError, UnknownNameError, UsageError, did_you_mean
from pipelines.declarations.metric import Metric, Table, load_metrics, load_tables
from pipelines.metrics.asked_days import ask_for
from pipelines.metrics.comparison import against_previous
from pipelines.metrics.published import NAMED, Query, published_query
from pipelines.metrics.question import PERIODS, Question, answering, askable, parse_where
from pipelines.metrics.restricted import restricted_query
from warehouse.home import Home

if TYPE_CHECKING:
    import pyarrow as pa

    from pipelines.runtime import Runtime

app = typer.Typer(no_args_is_help=True, help="List, explain and query named numbers, e.g. delivery_rate.")

_WIDTH = 40
_VALUES_SHOWN = 12


MetricArgument = Annotated[
    str,
    typer.Argument(help="Its name, as in `wasms metrics list`.", autocompletion=completing(load_metrics)),
]


class Versus(StrEnum):
    """What a period can be compared with."""

    PREVIOUS = "previous"


class AnswerFormat(StrEnum):
    """Formats of an answer."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    CHART = "chart"


@app.command("list")
def list_(as_json: JsonOption = False, output: OutputOption = None) -> None:
    """List all numbers with unit, formula and meaning."""
    rows = [
        {
            "metric": name,
            "unit": metric.unit,
            "formula": "" if metric.formula == name else metric.formula,
            "meaning": metric.description,
        }
        for name, metric in load_metrics().items()
    ]
    show_rows(rows, as_json=as_json, output=output)


@app.command()
def show(
    metric: MetricArgument,
    as_json: JsonOption = False,
) -> None:
    """Show what a number means, and what it can be split by."""
    found = _metric(metric)
    splits = [
        {"can be split by": ", ".join([*_periods(table), *askable(found, table)]), "read from": table.name}
        for table in answering(found, load_tables())
    ]
    if as_json:
        facts = {"metric": found.metric, "unit": found.unit, "meaning": found.description}
        formula = {"formula": found.formula, "denominator": found.under}
        write_json({**facts, **formula, "splits": splits})
        return
    OUT.print(f"[bold]{found.metric}[/bold] ({found.unit})\n{found.description}", highlight=False)
    OUT.print(f"Formula: {found.formula}", markup=False, highlight=False)
    if found.under is not None:
        OUT.print(f"Denominator: {found.under}", highlight=False)
    show_rows(splits)
    OUT.print(
        "Without --restricted, counts are rounded at random and right on average; the true number lies "
        "between `low` and `high` in 95 of 100 answers: see docs/analysts.md."
    )


def _periods(table: Table) -> list[str]:
    return ["day", "week", "month"] if table.period is Period.DAY else ["month"]


@app.command()
def query(
    metric: MetricArgument,
    by: Annotated[
        list[str] | None,
        typer.Option(help="Split by day, week, month, workspace, campaign … May be given several times."),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="Keep only column=value; a workspace or campaign by key or name. May be given several times."
        ),
    ] = None,
    from_: FromOption = None,
    to: ToOption = None,
    versus: Annotated[
        Versus | None,
        typer.Option(
            "--vs", help="Compare each period with the one before it.", metavar="previous", show_default=False
        ),
    ] = None,
    format_: Annotated[
        AnswerFormat | None,
        typer.Option(
            "--format",
            help="How to write the answer. Default: by the ending of the file, else a table.",
            show_default=False,
        ),
    ] = None,
    output: OutputOption = None,
    restricted: Annotated[
        bool,
        typer.Option(
            "--restricted",
            help="Compute exact numbers from pseudonymous rows. Needs the keys, and is logged.",
        ),
    ] = False,
    home: HomeOption = None,
) -> None:
    """Compute one number from the published tables, by time, workspace, campaign and more."""
    found = _metric(metric)
    try:
        asked = Question(
            by=tuple(by or ()),
            where=parse_where(where or ()),
            first=from_.date() if from_ else None,
            last=to.date() if to else None,
        )
        _refuse_unknown(found, asked)
        wanted = (restricted_query if restricted else published_query)(found, asked, load_tables())
        if versus is Versus.PREVIOUS:
            wanted = against_previous(found.metric, asked, wanted)
    except MetricError as error:
        raise UsageError(str(error)) from None
    if restricted:
        rows = _restricted(runtime_at(home), found, asked, wanted)
    else:
        rows = _published(home_at(home), found, asked, wanted)
    for day, period in asked.cut:
        ERR.print(f"{day} is inside a {period}: the row of that {period} counts a part of it.", style="dim")
    ERR.print(f"From {wanted.reads}.", style="dim", highlight=False)
    if wanted.is_rounded and asked.columns:
        k = load_disclosure().minimum_contacts
        ERR.print(
            f"Groups of fewer than {k} contacts are counted in `other`, or in the largest beside them: rows "
            "of many small groups are too low, which `low` and `high` do not know.",
            style="dim",
            highlight=False,
        )
    _write(found, rows, chosen(AnswerFormat, format_, output), output)


def _metric(name: str) -> Metric:
    metrics = load_metrics()
    if name not in metrics:
        raise UnknownNameError("metric", name, metrics, listed_by="wasms metrics list")
    return metrics[name]


def _refuse_unknown(metric: Metric, asked: Question) -> None:
    tables = answering(metric, load_tables())
    known = sorted({*PERIODS, *(column for table in tables for column in askable(metric, table))})
    for name in (*asked.by, *asked.where):
        if name not in known:
            raise UnknownNameError("column", name, known)


def _published(home: Home, metric: Metric, asked: Question, wanted: Query) -> "pa.Table":
    with published_copy(home) as connection:
        connection.execute("set enable_external_access = false")
        try:
            rows = _answer(connection, metric, asked, wanted, query_of=published_query)
            _say_who_shares_a_name(connection, asked)
            if not rows.num_rows and (asked.first or asked.last):
                _say_which_days(connection, metric)
            if wanted.is_of_whole_months:
                _say_coverage(connection, asked)
        except (duckdb.BinderException, duckdb.CatalogException):
            raise NotPublishedYetError(metric.metric) from None
    return rows


def _say_who_shares_a_name(connection: duckdb.DuckDBPyConnection, asked: Question) -> None:
    """Say how many campaigns or templates a name that is asked for stands for."""
    called = "select workspace_key from dim_published_workspaces where workspace_name = ?"
    for column in set(asked.where) & set(NAMED):
        table, name, _ = NAMED[column]
        within, values = "", [asked.where[column]]
        if "workspace" in asked.where:
            within = f" and (workspace_key = ? or workspace_key in ({called}))"
            values += [asked.where["workspace"]] * 2
        found = connection.execute(f"select workspace_key from {table} where {name} = ?{within}", values)
        workspaces = [workspace for (workspace,) in found.fetchall()]
        if len(workspaces) > 1:
            ERR.print(
                f"{asked.where[column]}: {len(workspaces)} {column}s together, of {len(set(workspaces))} "
                "workspace(s).",
                markup=False,
                highlight=False,
            )


def _say_coverage(connection: duckdb.DuckDBPyConnection, asked: Question) -> None:
    """Say of which months some workspaces are not counted."""
    counted = connection.execute(
        "select month, workspaces_counted, workspaces_total from cubes.cube_coverage_monthly "
        "where workspaces_counted < workspaces_total and month >= coalesce(?, month) "
        "and month <= coalesce(?, month) order by month",
        (asked.first, asked.last),
    ).fetchall()
    for month, there, all_ in counted:
        ERR.print(
            f"{month:%Y-%m} counts {there} of {all_} workspaces; the others keep messages too short.",
            style="dim",
            highlight=False,
        )


def _restricted(runtime: "Runtime", metric: Metric, asked: Question, wanted: Query) -> "pa.Table":
    what = f"metrics query {metric.metric} --restricted"
    warning = "Exact numbers of few people are personal data: keep no copy."
    with restricted_zone(runtime, what=what, warning=warning) as connection:
        ask_for(connection, asked.first, asked.last)
        try:
            return _answer(connection, metric, asked, wanted, query_of=restricted_query)
        except duckdb.OutOfMemoryException:
            raise MetricError(
                f"{metric.metric}: so many days need more memory. Ask for fewer: --from, --to."
            ) from None
        except duckdb.BinderException as error:
            # Its declaration names a column that the facts have not; the text names columns alone.
            raise MetricError(f"{metric.metric}: {error}") from None


def _answer(
    connection: duckdb.DuckDBPyConnection,
    metric: Metric,
    asked: Question,
    wanted: Query,
    *,
    query_of: Callable[[Metric, Question, Sequence[Table]], Query],
) -> "pa.Table":
    """Return the rows of an answer; if a filter left none, say which one matches nothing."""
    rows = connection.execute(wanted.sql, wanted.parameters).to_arrow_table()
    if rows.num_rows:
        return rows
    for name, value in asked.where.items():
        with suppress(MetricError):  # people of several rows are not added up
            by_name = query_of(metric, Question(by=(name,)), load_tables())
            found = connection.execute(by_name.sql, by_name.parameters).to_arrow_table()
            # The column, and a name beside a key.
            names = [column for column in found.column_names if column not in (metric.metric, "low", "high")]
            known = {str(cell) for column in names for cell in found[column].to_pylist()}
            if value not in known:
                some = ", ".join(sorted(known)[:_VALUES_SHOWN])
                said = f"No row has {name}={value}. {did_you_mean(value, known) or f'Some have: {some}.'}"
                ERR.print(said, markup=False, highlight=False, soft_wrap=True)
    return rows


def _say_which_days(connection: duckdb.DuckDBPyConnection, metric: Metric) -> None:
    """Say of which days or months there are rows, where limits left none."""
    for period in ("day", "month"):
        with suppress(MetricError):
            wanted = published_query(metric, Question(by=(period, *metric.needed)), load_tables())
            days = connection.execute(wanted.sql).to_arrow_table()[period].to_pylist()
            if days:
                ERR.print(f"There are rows from {days[0]} to {days[-1]}.", highlight=False)
                return


def _write(metric: Metric, rows: "pa.Table", format_: AnswerFormat, output: Path | None) -> None:
    match format_:
        case AnswerFormat.CSV:
            write_csv(rows, str(output) if output else sys.stdout.buffer)
        case AnswerFormat.JSON:
            write_json(rows.to_pylist(), output)
        case AnswerFormat.TABLE | AnswerFormat.CHART:
            write_table(_drawn(metric, rows, with_bars=format_ is AnswerFormat.CHART), output)


def _drawn(metric: Metric, rows: "pa.Table", *, with_bars: bool) -> Grid:
    """Return the answer as a table; with bars, each number has one beside it, from 0 to the largest."""
    grid = bare_table(*rows.column_names, *(["chart"] if with_bars else []))
    numbers = [float(n) for n in rows[metric.metric].to_pylist() if n is not None]
    largest = max([*numbers, 0.0])
    for row in rows.to_pylist():
        cells: list[RenderableType] = [
            _number(value) if isinstance(value, int | float) else str(value if value is not None else "")
            for name, value in row.items()
        ]
        if with_bars:
            cells.append(Bar(largest or 1.0, 0, float(row[metric.metric] or 0), width=_WIDTH))
        grid.add_row(*cells)
    return grid


def _number(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,.4f}" if isinstance(value, float) else f"{value:,}"


app.command()(compare)
