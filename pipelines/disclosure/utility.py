"""Measure what anonymity costs: published counts against true ones, by threshold, with noise and without.

Builds the funnel of some days anew from the restricted rows, once per variant, and once exactly. Nothing of
it is kept or published; what comes out are means, spreads and shares over many cells.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby, product
from operator import itemgetter

import duckdb

from pipelines.codegen.cubes import cube_sql
from pipelines.codegen.model_sql import SLICE_SOURCES, UNBOUNDED, ModelSql, perturbation
from pipelines.declarations.cube import REST, Cube, Level, load_cubes
from pipelines.declarations.declarations import Declarations
from pipelines.disclosure.attacks.base import SCHEMAS
from pipelines.disclosure.attacks.worlds import NO_THRESHOLD
from pipelines.disclosure.surrogates import RECORD_KEYS
from pipelines.windows.completeness import store_tables
from warehouse.store.session import open_session
from warehouse.store.store import Store

# Thresholds that the published one is compared with.
COMPARED = (5, 20)
# Contacts a campaign group has: lower bounds of the classes.
SIZES = (0, 25, 100, 1_000)
# Of a release of many days, the last are measured: it takes as long as they have messages.
DAYS_OF_RELEASE = 7
_MEMORY_OF_RELEASE = "1GB"
_FUNNEL, _MONTHS = "cube_campaign_daily", "cube_workspace_monthly"


@dataclass(frozen=True, slots=True)
class Variant:
    """The difference between the truth and one way of publishing it.

    Attributes:
        bias, spread: Mean and standard deviation of published - true, over all cells that show a number.
        campaign_share: Share of messages that stand in a row of their own campaign or group, with a number.
        coded_share: Lower bound of a campaign's contacts → share of its measures that are coded.
    """

    threshold: int
    has_noise: bool
    bias: float
    spread: float
    campaign_share: float
    coded_share: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Utility:
    """The variants, and whether every month of the platform equals the truth (None: no month to compare)."""

    variants: tuple[Variant, ...]
    is_platform_exact: bool | None


HEADINGS = (
    "k",
    "noise",
    "bias",
    "spread",
    "messages at campaign level",
    *(f"coded, {least}+ contacts" for least in SIZES),
)


def described(variant: Variant) -> tuple[str, ...]:
    """Return the cells of one variant as text, one per heading of `HEADINGS`."""
    shares = (variant.coded_share.get(least) for least in SIZES)
    return (
        str(variant.threshold),
        "yes" if variant.has_noise else "no",
        f"{variant.bias:+.2f}",
        f"{variant.spread:.1f}",
        f"{variant.campaign_share:.1%}",
        *("-" if share is None else f"{share:.0%}" for share in shares),
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
        _prepare(connection, first=first, last=last)
        (published,) = _variants(connection, funnel, [(funnel.minimum_units, True)])
        return published


def utility_of(
    connection: duckdb.DuckDBPyConnection, cubes: Mapping[str, Cube], *, first: date, last: date
) -> Utility:
    """Measure what each way of publishing the days from ``first`` to ``last`` leaves of them.

    Args:
        connection: A session on store and warehouse. Tables are made in its memory.
    """
    models = _prepare(connection, first=first, last=last)
    thresholds = sorted({*COMPARED, cubes[_FUNNEL].minimum_units})
    variants = tuple(_variants(connection, cubes[_FUNNEL], list(product(thresholds, (True, False)))))
    return Utility(variants, _is_platform_exact(connection, models=models, first=first, last=last))


def _prepare(connection: duckdb.DuckDBPyConnection, *, first: date, last: date) -> ModelSql:
    """Make tables of the messages of some days; return what renders models over them."""
    connection.execute(f"set search_path = '{SCHEMAS}'")
    # As random as the real ones, which need keys; the same people have the same in every variant.
    connection.execute(
        "create or replace macro memory.main.record_key(w, u) as "
        f"cast(hash(w || u) % {RECORD_KEYS} as integer)"
    )
    connection.execute("create or replace macro memory.main.surrogate(w, kind, value) as w || ' ' || value")
    models = ModelSql()
    models.bounds = {"day": (first, last), "all": (first, last)}
    for model in (*SLICE_SOURCES.values(), "slice_facts", "slice_messages"):
        _make(connection, models, model)
    return models


def _variants(
    connection: duckdb.DuckDBPyConnection, cube: Cube, wanted: Collection[tuple[int, bool]]
) -> Iterator[Variant]:
    """Build and compare each (threshold, whether there is noise)."""
    for threshold, variants in groupby(wanted, key=itemgetter(0)):
        models = ModelSql(minimum_contacts=threshold)
        for model in ("slice_campaign_groups", "slice_leaves"):
            _make(connection, models, model)
        _build(connection, models, cube, "truth", threshold=NO_THRESHOLD, has_noise=False)
        for _, has_noise in variants:
            _build(connection, models, cube, "shown", threshold=threshold, has_noise=has_noise)
            yield _compare(connection, cube, threshold=threshold, has_noise=has_noise)


def _make(connection: duckdb.DuckDBPyConnection, models: ModelSql, model: str) -> None:
    connection.execute(f"create or replace table memory.main.{model} as {models.model(model)}")


def _build(
    connection: duckdb.DuckDBPyConnection,
    models: ModelSql,
    cube: Cube,
    table: str,
    *,
    threshold: int,
    has_noise: bool,
) -> None:
    noise = perturbation(has_noise=has_noise)
    connection.execute(f"create or replace table memory.main.perturbation as {noise}")
    weakened = cube.model_copy(update={"minimum_units": threshold})
    sql = models.render(cube_sql(weakened), **({} if has_noise else UNBOUNDED))
    connection.execute(f"create or replace table memory.main.{table} as {sql}")


def _compare(
    connection: duckdb.DuckDBPyConnection, cube: Cube, *, threshold: int, has_noise: bool
) -> Variant:
    keys = ", ".join(cube.keys)
    measures = [measure.name for measure in cube.measures]
    listed = ", ".join(measures)
    flags = " + ".join(f"({m}_flag is not null)::integer" for m in measures)
    shown, true = (
        f"(unpivot (select {keys}, {listed} from {table}) on {listed} into name measure value number)"
        for table in ("shown", "truth")
    )
    bias, spread = connection.execute(
        "select coalesce(avg(shown.number - truth.number), 0), "
        "coalesce(stddev_pop(shown.number - truth.number), 0) "
        f"from {shown} as shown inner join {true} as truth using ({keys}, measure)"
    ).fetchall()[0]
    named = f"level = '{Level.CAMPAIGN}' and campaign_key <> '{REST}'"
    (share,) = connection.execute(
        f"select coalesce(sum(truth.attempted_messages) filter (shown.attempted_messages_flag is null and "
        f"shown.{named}) / (select sum(is_attempted::integer) from slice_messages), 0) "
        f"from shown inner join truth using ({keys})"
    ).fetchall()[0]
    bounds = ", ".join(map(str, SIZES))
    coded = connection.execute(
        f"select list_max(list_filter([{bounds}], least -> least <= truth.audience_contacts)) as size, "
        f"avg(({flags.replace('(', '(shown.')}) / {len(measures)}) "
        f"from shown inner join truth using ({keys}) where shown.{named} group by size order by size"
    ).fetchall()
    return Variant(threshold, has_noise, float(bias), float(spread), float(share), dict(coded))


def _is_platform_exact(
    connection: duckdb.DuckDBPyConnection, *, models: ModelSql, first: date, last: date
) -> bool | None:
    """Return whether published months of the platform within the days equal the rows; None without months.

    Months that one of the workspaces dominates have noise; workspaces have only their complete months in it.
    """
    complete = models.render("{{ of_complete_months('slice_messages', 'send_date') }}")
    rows = connection.execute(
        "with sent as (select date_trunc('month', send_date) as month, workspace_id, "
        "count(distinct unit_token) as people, sum(is_attempted::integer) as messages "
        f"from ({complete}) group by 1, 2), "
        "counted as (select month, sum(messages) as messages from sent group by month "
        f"having count(*) >= {models.variables['minimum_workspaces']} and max(people) * 2 <= sum(people)) "
        f"select cube.attempted_messages = counted.messages from warehouse.cubes.{_MONTHS} as cube "
        "inner join counted on cube.month = counted.month "
        f"where level = '{Level.PLATFORM}' and cube.month >= ? and last_day(cube.month) <= ?",
        [first, last],
    ).fetchall()
    return all(same for (same,) in rows) if rows else None
