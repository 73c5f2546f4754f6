"""Define `wasms metrics`: every number by name, from published tables, or exact from restricted facts."""

import json
import sys
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import duckdb
import typer
from rich.bar import Bar
from rich.console import RenderableType
from rich.table import Table as Grid

from pipelines.cli.options import HomeOption, home_at, runtime_at
from pipelines.cli.reading import published_copy, restricted_zone
from pipelines.cli.report import ERR, OUT, bare_table, write_csv
from pipelines.declarations.cube import Period
from pipelines.declarations.errors import MetricError
from pipelines.declarations.metric import Metric, load_metrics, load_tables
from pipelines.metrics.asked_days import ask_for
from pipelines.metrics.published import Query, published_query
from pipelines.metrics.question import Question, answering, askable, parse_where
from pipelines.metrics.restricted import restricted_query
from warehouse.home import Home

if TYPE_CHECKING:
    import pyarrow as pa

    from pipelines.runtime import Runtime

app = typer.Typer(no_args_is_help=True, help="List, explain and query named numbers, e.g. delivery_rate.")

_WIDTH = 40


class NotPublishedYetError(MetricError):
    """A metric was declared after the last publication."""

    def __init__(self, metric: Metric) -> None:
        super().__init__(
            f"{metric.metric} is declared, but not published yet. `wasms run` publishes it with the next "
            "days, `wasms release reissue` for days that are published already. --restricted answers at once."
        )


class AnswerFormat(StrEnum):
    """Formats of an answer."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    CHART = "chart"


@app.command("list")
def list_() -> None:
    """List all numbers with unit, formula and meaning."""
    grid = bare_table("metric", "unit", "formula", "meaning")
    for name, metric in load_metrics().items():
        grid.add_row(name, metric.unit, "" if metric.formula == name else metric.formula, metric.description)
    OUT.print(grid)


@app.command()
def show(metric: Annotated[str, typer.Argument(help="Its name, as in `wasms metrics list`.")]) -> None:
    """Show what a number means, and what it can be split by."""
    found = _metric(metric)
    OUT.print(f"[bold]{found.metric}[/bold] ({found.unit})\n{found.description}", highlight=False)
    OUT.print(f"Formula: {found.formula}", markup=False, highlight=False)
    if found.under is not None:
        OUT.print(f"Denominator: {found.under}", highlight=False)
    grid = bare_table("can be split by", "read from")
    for table in answering(found, load_tables()):
        periods = "day, week, month" if table.period is Period.DAY else "month"
        grid.add_row(", ".join([periods, *askable(found, table)]), table.name)
    OUT.print(grid)
    OUT.print(
        "Without --restricted, counts are rounded at random and right on average; the true number lies "
        "between `low` and `high` in 95 of 100 answers: see docs/analysts.md."
    )


@app.command()
def query(
    metric: Annotated[str, typer.Argument(help="Its name, as in `wasms metrics list`.")],
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
    from_: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.", show_default=False)
    ] = None,
    to: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day.", show_default=False)
    ] = None,
    format_: Annotated[
        AnswerFormat, typer.Option("--format", help="How to write the answer.")
    ] = AnswerFormat.TABLE,
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
    asked = Question(
        by=tuple(by or ()),
        where=parse_where(where or ()),
        first=from_.date() if from_ else None,
        last=to.date() if to else None,
    )
    answer = restricted_query if restricted else published_query
    wanted = answer(found, asked, load_tables())
    if restricted:
        rows = _restricted(runtime_at(home), found, asked, wanted)
    else:
        rows = _published(home_at(home), found, wanted)
    ERR.print(f"From {wanted.reads}.", style="dim", highlight=False)
    _write(found, rows, format_)


def _metric(name: str) -> Metric:
    metrics = load_metrics()
    if name not in metrics:
        raise MetricError("No metric has that name. `wasms metrics list` shows them all.")
    return metrics[name]


def _published(home: Home, metric: Metric, wanted: Query) -> "pa.Table":
    with published_copy(home) as connection:
        connection.execute("set enable_external_access = false")
        try:
            return connection.execute(wanted.sql, wanted.parameters).to_arrow_table()
        except (duckdb.BinderException, duckdb.CatalogException):
            raise NotPublishedYetError(metric) from None


def _restricted(runtime: "Runtime", metric: Metric, asked: Question, wanted: Query) -> "pa.Table":
    what = f"metrics query {metric.metric} --restricted"
    warning = "Exact numbers of few people are personal data: keep no copy."
    with restricted_zone(runtime, what=what, warning=warning) as connection:
        ask_for(connection, asked.first, asked.last)
        try:
            return connection.execute(wanted.sql, wanted.parameters).to_arrow_table()
        except duckdb.BinderException as error:
            # Its declaration names a column that the facts have not; the text names columns alone.
            raise MetricError(f"{metric.metric}: {error}") from None


def _write(metric: Metric, rows: "pa.Table", format_: AnswerFormat) -> None:
    match format_:
        case AnswerFormat.CSV:
            write_csv(rows, sys.stdout.buffer)
        case AnswerFormat.JSON:
            sys.stdout.write(json.dumps(rows.to_pylist(), default=str, indent=1) + "\n")
        case AnswerFormat.TABLE | AnswerFormat.CHART:
            OUT.print(_drawn(metric, rows, with_bars=format_ is AnswerFormat.CHART))


def _drawn(metric: Metric, rows: "pa.Table", *, with_bars: bool) -> Grid:
    """Return the answer as a table; with bars, each number has one beside it, from 0 to the largest."""
    grid = bare_table(*rows.column_names, *(["chart"] if with_bars else []))
    numbers = [float(n) for n in rows[metric.metric].to_pylist() if n is not None]
    largest = max([*numbers, 0.0])
    for row in rows.to_pylist():
        cells: list[RenderableType] = [
            _number(value)
            if name in (metric.metric, "low", "high")
            else str(value if value is not None else "")
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
