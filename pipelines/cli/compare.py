"""Define `wasms metrics compare`: is the difference of two campaigns, or of variants, more than chance?"""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

import duckdb
import typer

from pipelines.cli.options import (
    FromOption,
    HomeOption,
    JsonOption,
    OutputOption,
    ToOption,
    completing,
    home_at,
)
from pipelines.cli.reading import NotPublishedYetError, published_copy
from pipelines.cli.report import ERR, show_rows
from pipelines.declarations.errors import MetricError, UnknownNameError, UsageError
from pipelines.declarations.metric import VARIANT, Metric, load_metrics, load_tables
from pipelines.metrics.comparison import Rate, difference
from pipelines.metrics.published import estimate_query
from pipelines.metrics.question import Question, parse_where

# A share of what happens or not: of others, the sampling error is not known.
_RATIO = "ratio"
_DIGITS = 4
_LISTED_BY = "wasms metrics query attempted_messages --by workspace --by campaign"


class Groups(StrEnum):
    """What the groups to compare can be, beside two campaigns."""

    VARIANT = VARIANT


def compare(
    first: Annotated[str, typer.Argument(help="A campaign, by key or name.")],
    second: Annotated[str | None, typer.Argument(help="Another one.", show_default=False)] = None,
    by: Annotated[
        Groups | None,
        typer.Option(help="Compare the variants of the first campaign instead.", show_default=False),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="A rate, e.g. click_rate. May be given several times. Default: the rates of marts.",
            autocompletion=completing(lambda: [m.metric for m in _rates().values()]),
            show_default=False,
        ),
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="Keep only column=value, e.g. workspace=Bakery.")
    ] = None,
    from_: FromOption = None,
    to: ToOption = None,
    as_json: JsonOption = False,
    output: OutputOption = None,
    home: HomeOption = None,
) -> None:
    """Compare the rates of two campaigns, or of the variants of one, and test whether they differ by chance.

    Reads the published tables. The test knows the error of a sample and that of the rounding.
    """
    if (second is None) == (by is None):
        raise UsageError("Name two campaigns, or one and `--by variant`.")
    metrics = [_rate(name) for name in metric] if metric else [m for m in _rates().values() if m.in_marts]
    with published_copy(home_at(home)) as connection:
        connection.execute("set enable_external_access = false")
        try:
            base = parse_where(where or ())
            sides = _variants(connection, first, base) if by else _two(connection, first, str(second), base)
            days = (from_.date() if from_ else None, to.date() if to else None)
            asked = [(name, Question((), side, *days)) for name, side in sides.items()]
            rows = [row for each in metrics for row in _compared(connection, each, asked)]
        except MetricError as error:
            raise UsageError(str(error)) from None
    ERR.print(
        "low and high hold the true difference in 95 of 100 comparisons. Of 20 comparisons without a "
        "difference, about one has a p_value below 0.05.",
        style="dim",
        highlight=False,
    )
    show_rows(rows, as_json=as_json, output=output)


def _rates() -> Mapping[str, Metric]:
    return {name: metric for name, metric in load_metrics().items() if metric.unit == _RATIO}


def _rate(name: str) -> Metric:
    if name not in _rates():
        raise UnknownNameError("rate", name, _rates())
    return _rates()[name]


def _two(
    connection: duckdb.DuckDBPyConnection, first: str, second: str, base: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    keys = {name: {key for _, key, _ in _campaigns(connection, name, base)} for name in (first, second)}
    if keys[first] & keys[second]:
        raise MetricError(f"{first} and {second} are the same campaign. Name two, or add `--by variant`.")
    for name, several in keys.items():
        if len(several) > 1:
            ERR.print(f"{name}: {len(several)} campaigns together.", markup=False, highlight=False)
    return {name: _side(connection, name, base) for name in (first, second)}


def _variants(
    connection: duckdb.DuckDBPyConnection, campaign: str, base: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    found = {variant for *_, variant in _campaigns(connection, campaign, base) if variant is not None}
    if len(found) <= 1:
        raise MetricError(
            f"{campaign} has {len(found)} published variant(s); two are needed. Each variant is a campaign "
            "of its own, and they belong together by their name: give the name, not a key."
        )
    side = _side(connection, campaign, base)
    return {variant: side | {VARIANT: variant} for variant in sorted(found)}


def _side(connection: duckdb.DuckDBPyConnection, campaign: str, base: Mapping[str, str]) -> dict[str, str]:
    """Return the conditions that a campaign's messages meet; campaigns of one name are taken together.

    Raises:
        MetricError: Several workspaces have a campaign of that name.
    """
    found = _campaigns(connection, campaign, base)
    workspaces = {workspace for workspace, *_ in found}
    if len(workspaces) > 1:
        raise MetricError(
            f"{len(workspaces)} workspaces have a campaign called {campaign}. Add --where workspace=… "
            f"({', '.join(sorted(workspaces))})."
        )
    return {**base, "workspace": workspaces.pop(), "campaign": campaign}


def _campaigns(
    connection: duckdb.DuckDBPyConnection, campaign: str, base: Mapping[str, str]
) -> list[tuple[str, str, str | None]]:
    """Return workspace, key and variant of the published campaigns of a key or name.

    Raises:
        UnknownNameError: There is none.
    """
    workspace = base.get("workspace")
    rows = connection.execute(
        "select workspace_key, campaign_key, variant, campaign_name from dim_published_campaigns "
        "left join dim_published_workspaces using (workspace_key) "
        "where $workspace is null or $workspace in (workspace_key, workspace_name) order by all",
        {"workspace": workspace},
    ).fetchall()
    if found := [(owner, key, variant) for owner, key, variant, name in rows if campaign in (key, name)]:
        return found
    known = sorted({name for *_, name in rows if name})
    raise UnknownNameError("published campaign", campaign, known, listed_by=_LISTED_BY)


def _compared(
    connection: duckdb.DuckDBPyConnection, metric: Metric, asked: Sequence[tuple[str, Question]]
) -> Iterator[dict[str, Any]]:
    """Yield how a metric of each other group differs from that of the first one."""
    (base, question), *others = asked
    first = _estimate(connection, metric, question)
    for name, other in others:
        second = _estimate(connection, metric, other)
        found = difference(first, second) if first and second else None
        yield {
            "metric": metric.metric,
            "first": base,
            "second": name,
            "first_rate": _shown(first.value) if first else None,
            "second_rate": _shown(second.value) if second else None,
            "first_of": round(first.under) if first else None,
            "second_of": round(second.under) if second else None,
            "difference": _shown(found.value) if found else None,
            "low": _shown(found.low) if found else None,
            "high": _shown(found.high) if found else None,
            "p_value": _shown(found.p_value) if found else None,
        }


def _shown(number: float) -> float:
    return round(number, _DIGITS)


def _estimate(connection: duckdb.DuckDBPyConnection, metric: Metric, question: Question) -> Rate | None:
    """Return a rate; None where there is no message that it is of."""
    wanted = estimate_query(metric, question, load_tables())
    try:
        rows = connection.execute(wanted.sql, wanted.parameters).fetchall()
    except (duckdb.BinderException, duckdb.CatalogException):
        raise NotPublishedYetError(metric.metric) from None
    if not rows or rows[0][2] is None:
        return None
    _, under, value, variance = rows[0]
    return Rate(min(value, 1.0), under, variance)
