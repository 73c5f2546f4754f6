"""Read the metrics: the name of each number, its formula, and the tables it can be read from.

Every measure of a cube is a metric; `metrics.yml` adds those made of others. Nothing here knows SQL.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Self

from pydantic import Field, model_validator

from pipelines.declarations import strict_yaml
from pipelines.declarations.cube import Cube, Level, Measure, Period, load_cubes
from pipelines.declarations.errors import MetricError
from pipelines.declarations.kept_documents import kept_documents
from pipelines.declarations.strict_yaml import Strict

LATENCY_BIN, COST = "latency_bin", "cost_micros"
# Amounts, and the column that says in which currency they are.
CURRENCIES = MappingProxyType({COST: "cost_currency", "revenue_micros": "revenue_currency"})
# A trait, and what has it.
VARIANT, VARIED = "variant", "campaign"
# Its values are four columns in one.
TARIFFS = "cubes.cube_tariffs_monthly"
_OF_TARIFF = ("channel", "message_category", "contact_country", "cost_currency")


class Metric(Strict):
    """One number: a measure, a ratio or a difference of two, or a quantile of a latency.

    Attributes:
        over, under: Measures; ``under`` is the denominator of a ratio.
        less: Measure that is taken off.
        per: What ``over`` is divided by: it is counted in parts of the unit.
        quantile, since, until: Which quantile of the time from ``since`` to ``until``, in seconds.
        in_marts: Whether marts have it as a column of its own.
    """

    metric: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    description: str = Field(min_length=1)
    unit: str = Field(min_length=1)
    over: str
    under: str | None = None
    less: str | None = None
    per: int = 1
    quantile: float | None = Field(default=None, gt=0, lt=1)
    since: str = "queued_at"
    until: str | None = None
    in_marts: bool = False

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        if (self.quantile is None) != (self.until is None) or (self.quantile and self.under):
            raise ValueError("give `under` for a ratio, or `quantile` and `until` for a latency")
        if self.less is not None and (self.under or self.quantile or self.per != 1):
            raise ValueError("give `less` for a difference, without `under`, `per` and `quantile`")
        return self

    @property
    def measures(self) -> tuple[str, ...]:
        """Return the measures it is made of."""
        return tuple(name for name in (self.over, self.under, self.less) if name is not None)

    @property
    def needed(self) -> tuple[str, ...]:
        """Return columns that it must never be added over: amounts of several currencies have no sum."""
        return tuple(CURRENCIES[name] for name in self.measures if name in CURRENCIES)

    @property
    def formula(self) -> str:
        """Return its formula for people."""
        if self.quantile is not None:
            return f"{self.quantile:.0%} quantile of {self.until} - {self.since} over {self.over}"
        if self.less is not None:
            return f"{self.over} - {self.less}"
        return self.over if self.under is None else f"{self.over} / {self.under}"


@dataclass(frozen=True)
class Table:
    """A published table that metrics can be read from, and the facts behind it.

    Attributes:
        name: Schema and table in the published copy.
        cube: Its declaration.
    """

    name: str
    cube: Cube

    @property
    def measures(self) -> Mapping[str, Measure]:
        """Return what it counts, by name."""
        return {measure.name: measure for measure in self.cube.measures}

    @property
    def dimension(self) -> str | None:
        """Return the free dimension."""
        return self.cube.dimension.name if self.cube.dimension else None

    @property
    def period(self) -> Period:
        """Return the period that one row counts."""
        return self.cube.spine.period

    @property
    def columns(self) -> Mapping[str, str]:
        """Return what it can be asked by, without periods → SQL for it over rows called `cells`."""
        named = {name_of(column): f"cells.{column}" for column in self.cube.path}
        if VARIED in named:
            named[VARIANT] = f"coalesce({VARIED}s.{VARIANT}, 'none')"
        if self.name == TARIFFS:
            return named | {
                name: f"split_part(cells.{self.dimension}, ' ', {n + 1})" for n, name in enumerate(_OF_TARIFF)
            }
        return named | ({self.dimension: f"cells.{self.dimension}"} if self.dimension else {})

    def is_part(self, over: str, under: str) -> bool:
        """Return whether one measure is made of pieces of another."""
        sums = self.cube.sums
        return {*sums[over]} <= {*sums[under]}

    def level(self, asked: Iterable[str]) -> Level:
        """Return the coarsest level that has all asked columns."""
        named = {VARIED if name == VARIANT else name for name in asked}
        wanted = {name for name in named if name in map(name_of, self.cube.path)}
        levels = [level for level in self.cube.spine.levels if level in self.cube.levels]
        return next(
            level for level in levels if wanted <= {name_of(each) for each in self.cube.spine.path(level)}
        )


def name_of(column: str) -> str:
    """Return the name of a column of the spine as people use it: `workspace_key` is `workspace`."""
    return column.removesuffix("_key")


@cache
def load_composed() -> tuple[Metric, ...]:
    """Read the metrics of `metrics.yml`, in its order.

    Raises:
        MetricError: The file is not valid; says where.
    """
    texts = {"metrics": (files("pipelines.metrics") / "metrics.yml").read_bytes()}
    documents = kept_documents(texts, kept_as="metrics", failure=lambda _: _invalid)
    return strict_yaml.validate(documents["metrics"], _Document, failure=_invalid).metrics


def _invalid(problems: Sequence[str]) -> MetricError:
    return MetricError(f"pipelines/metrics/metrics.yml: {'; '.join(problems)}")


class _Document(Strict):
    metrics: tuple[Metric, ...]


def load_metrics(cubes: Mapping[str, Cube] | None = None) -> Mapping[str, Metric]:
    """Load all metrics by name, sorted.

    Raises:
        MetricError: A metric is declared twice, or no one table has all it is made of.
    """
    cubes = load_cubes() if cubes is None else cubes
    found = {m.name: _of_measure(m) for cube in reversed([*cubes.values()]) for m in cube.measures}
    tables = load_tables(cubes)
    for metric in load_composed():
        if metric.metric in found:
            raise MetricError(f"{metric.metric}: a measure of a cube has that name already. Rename it.")
        if not any(set(metric.measures) <= set(table.measures) for table in tables):
            raise MetricError(
                f"{metric.metric}: no table has {' and '.join(metric.measures)}. Take measures of one cube."
            )
        found[metric.metric] = metric
    return MappingProxyType(dict(sorted(found.items())))


def load_tables(cubes: Mapping[str, Cube] | None = None) -> tuple[Table, ...]:
    """Return all tables that metrics are read from, sorted by name."""
    cubes = load_cubes() if cubes is None else cubes
    return tuple(Table(f"cubes.{name}", cube) for name, cube in cubes.items())


def _of_measure(measure: Measure) -> Metric:
    return Metric(
        metric=measure.name,
        description=measure.description,
        unit=measure.name.rpartition("_")[2],
        over=measure.name,
    )
