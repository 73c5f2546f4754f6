"""Measure what anonymity costs: published numbers against true ones, by base of the rounding.

Builds the funnel of some days anew from the restricted rows, once per base, and once exactly. Nothing of it
is kept or published; what comes out are means, spreads and shares over many cells.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb

from pipelines.codegen.cubes import cube_sql
from pipelines.codegen.model_sql import ModelSql
from pipelines.declarations.cube import REST, Cube, Level, load_cubes
from pipelines.declarations.declarations import Declarations
from pipelines.disclosure.attacks.worlds import EXACT
from pipelines.disclosure.slices import SCHEMAS, make_slices
from pipelines.disclosure.surrogates import RECORD_KEYS
from pipelines.windows.completeness import store_tables
from warehouse.store.session import open_session
from warehouse.store.store import Store

# Bases that the published one is compared with.
COMPARED = (5, 7, 10, 11)
# Messages of a campaign or a week from which on its rates are looked at.
LEAST_MESSAGES = 100
# Of a release of many days, the last are measured: it takes as long as they have messages.
DAYS_OF_RELEASE = 7
_MEMORY_OF_RELEASE = "1GB"
_FUNNEL = "cube_campaign_daily"
# Rates that are compared: what is divided by what.
_RATES = {
    "delivery": ("delivered_messages", "attempted_messages"),
    "opt-out": ("opted_out_messages", "delivered_messages"),
}


@dataclass(frozen=True, slots=True)
class Variant:
    """The difference between the truth and numbers rounded to multiples of one base.

    Attributes:
        bias, spread: Mean and standard deviation of published - true, over all cells.
        campaign_share: Share of messages that stand in a row of their own campaign or group.
        campaign_errors, week_errors: By rate: its mean error in percentage points, in campaigns of a day and
            in weeks of workspaces, weighted by messages; None where none has `LEAST_MESSAGES`.
    """

    base: int
    bias: float
    spread: float
    campaign_share: float
    campaign_errors: Mapping[str, float | None]
    week_errors: Mapping[str, float | None]


HEADINGS = (
    "base",
    "bias",
    "spread",
    "messages at campaign level",
    *(f"{rate} rate, campaign" for rate in _RATES),
    *(f"{rate} rate, week" for rate in _RATES),
)


def described(variant: Variant) -> tuple[str, ...]:
    """Return the cells of one variant as text, one per heading of `HEADINGS`."""
    errors = (*variant.campaign_errors.values(), *variant.week_errors.values())
    return (
        str(variant.base),
        f"{variant.bias:+.2f}",
        f"{variant.spread:.1f}",
        f"{variant.campaign_share:.1%}",
        *("-" if error is None else f"{error:.2f}" for error in errors),
    )


def utility_of_release(declarations: Declarations, store: Store, days: tuple[date, date]) -> Variant:
    """Measure what the last of some released days lost, as they are published.

    Takes as long as building the days did: reads their restricted rows in memory.
    """
    first, last = days
    first = max(first, last - timedelta(days=DAYS_OF_RELEASE - 1))
    funnel = load_cubes()[_FUNNEL]
    with open_session(
        store.home,
        schemas=declarations.schemas,
        tables=store_tables(declarations, store),
        read_only=True,
        memory_limit=_MEMORY_OF_RELEASE,
    ) as connection:
        models = _prepare(connection, first=first, last=last)
        (published,) = _variants(connection, models, funnel, [declarations.policy.disclosure.rounding_base])
        return published


def utility_of(
    connection: duckdb.DuckDBPyConnection, cubes: Mapping[str, Cube], *, first: date, last: date
) -> Sequence[Variant]:
    """Measure what each base leaves of the days from ``first`` to ``last``.

    Args:
        connection: A session on store and warehouse. Tables are made in its memory.
    """
    models = _prepare(connection, first=first, last=last)
    return list(_variants(connection, models, cubes[_FUNNEL], COMPARED))


def _prepare(connection: duckdb.DuckDBPyConnection, *, first: date, last: date) -> ModelSql:
    """Make tables of the messages of some days, and of where they lie; return what renders SQL over them."""
    connection.execute(f"set search_path = '{SCHEMAS}'")
    # As random as the real ones, which need keys; the same people have the same in every variant.
    connection.execute(
        "create or replace macro memory.main.record_key(w, u) as "
        f"cast(hash(w || u) % {RECORD_KEYS} as integer)"
    )
    connection.execute("create or replace macro memory.main.surrogate(w, kind, value) as w || ' ' || value")
    models = ModelSql()
    models.bounds = {"day": (first, last), "all": (first, last)}
    make_slices(connection, models, ["slice_leaves"])
    return models


def _variants(
    connection: duckdb.DuckDBPyConnection, models: ModelSql, cube: Cube, bases: Collection[int]
) -> Iterator[Variant]:
    """Build the cube with each base, and compare it with the truth."""

    def build(table: str, variables: Mapping[str, int]) -> None:
        sql = models.render(cube_sql(cube), **variables)
        connection.execute(f"create or replace table memory.main.{table} as {sql}")

    build("truth", EXACT.variables)
    for base in bases:
        build("shown", {"rounding_base": base})
        yield _compare(connection, cube, base=base)


def _compare(connection: duckdb.DuckDBPyConnection, cube: Cube, *, base: int) -> Variant:
    keys = ", ".join(cube.keys)
    listed = ", ".join(measure.name for measure in cube.measures)
    shown, true = (
        f"(unpivot (select {keys}, {listed} from {table}) on {listed} into name measure value number)"
        for table in ("shown", "truth")
    )
    bias, spread = connection.execute(
        "select coalesce(avg(shown.number - truth.number), 0), "
        "coalesce(stddev_pop(shown.number - truth.number), 0) "
        f"from {shown} as shown inner join {true} as truth using ({keys}, measure)"
    ).fetchall()[0]
    (share,) = connection.execute(
        "select coalesce(sum(attempted_messages) / "
        "(select sum(is_attempted::integer) from slice_messages), 0) "
        f"from truth where level = '{Level.CAMPAIGN}' and campaign_key <> '{REST}'"
    ).fetchall()[0]
    week = "workspace_key, date_trunc('week', send_date)"
    return Variant(
        base,
        float(bias),
        float(spread),
        float(share),
        campaign_errors=_errors(connection, Level.CAMPAIGN, group=keys, keys=keys),
        week_errors=_errors(connection, Level.WORKSPACE, group=week, keys=keys),
    )


def _errors(
    connection: duckdb.DuckDBPyConnection, level: Level, *, group: str, keys: str
) -> Mapping[str, float | None]:
    """Return rate → its mean error in percentage points, over sums of rows of one level."""
    found = {}
    for rate, (over, under) in _RATES.items():
        sums = ", ".join(f"sum({t}.{m}) as {t}_{m}" for t in ("shown", "truth") for m in (over, under))
        found[rate] = connection.execute(
            f"with summed as (select {sums} from shown inner join truth using ({keys}) "
            f"where level = '{level}' group by {group}) "
            f"select 100 * sum(truth_{under} * abs(least(shown_{over} / nullif(shown_{under}, 0), 1) "
            f"- truth_{over} / truth_{under})) / nullif(sum(truth_{under}), 0) from summed "
            f"where truth_{under} >= {LEAST_MESSAGES}"
        ).fetchall()[0][0]
    return found
