"""Read the metrics: the name of each number, its formula, and the tables it can be read from.

Every measure of a cube is a metric; `metrics.yml` adds those made of others. Nothing here knows SQL.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipelines.declarations import strict_yaml
from pipelines.declarations.cube import Cube, Level, Measure, Period, load_cubes
from pipelines.declarations.errors import MetricError
from pipelines.declarations.strict_yaml import Strict

LATENCY_BIN = "latency_bin"


class Metric(Strict):
    """One number: a measure, a ratio of two, or a quantile of a latency.

    Attributes:
        over, under: Measures; ``under`` is the denominator of a ratio.
        quantile, until: Which quantile of the time from queueing to ``until``, in seconds.
        in_marts: Whether marts have it as a column of its own.
    """

    metric: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    description: str = Field(min_length=1)
    unit: str = Field(min_length=1)
    over: str
    under: str | None = None
    quantile: float | None = Field(default=None, gt=0, lt=1)
    until: str | None = None
    in_marts: bool = False

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        if (self.quantile is None) != (self.until is None) or (self.quantile and self.under):
            raise ValueError("give `under` for a ratio, or `quantile` and `until` for a latency")
        return self

    @property
    def measures(self) -> tuple[str, ...]:
        """Return the measures it is made of."""
        return (self.over,) if self.under is None else (self.over, self.under)

    @property
    def formula(self) -> str:
        """Return its formula for people."""
        if self.quantile is not None:
            return f"{self.quantile:.0%} quantile of {self.until} - queued_at over {self.over}"
        return self.over if self.under is None else f"{self.over} / {self.under}"


@dataclass(frozen=True)
class Table:
    """A published table that metrics can be read from, and the facts behind it.

    Attributes:
        name: Schema and table in the published copy.
        cube: Whose facts, spine and threshold it has.
        measures: What it counts, by name.
        dimension: The free dimension, with a total `all` of its own; asked for or left at its total.
        extra: Columns that split every row and have no totals.
        needed: Of them, those that rows must never be added over.
    """

    name: str
    cube: Cube
    measures: Mapping[str, Measure]
    dimension: str | None = None
    extra: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()

    @property
    def period(self) -> Period:
        """Return the period that one row counts."""
        return self.cube.spine.period

    @property
    def columns(self) -> Mapping[str, str]:
        """Return what it can be asked by, without periods → the column that holds it."""
        own = (*self.extra, *([self.dimension] if self.dimension else []))
        return {name_of(column): column for column in self.cube.path} | {name: name for name in own}

    def level(self, asked: Iterable[str]) -> Level:
        """Return the coarsest level that has all asked columns."""
        wanted = {name for name in asked if name in map(name_of, self.cube.path)}
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
    text = (files("pipelines.metrics") / "metrics.yml").read_bytes()
    return tuple(strict_yaml.parse(text, _Document, failure=_invalid).metrics)


def _invalid(problems: Sequence[str]) -> MetricError:
    return MetricError(f"pipelines/metrics/metrics.yml: {'; '.join(problems)}")


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    metrics: list[Metric]


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
    """Return all tables that metrics are read from, sorted by name: the cubes, and costs."""
    cubes = load_cubes() if cubes is None else cubes
    tables = [
        Table(
            name=f"cubes.{name}",
            cube=cube,
            measures={measure.name: measure for measure in cube.measures},
            dimension=cube.dimension.name if cube.dimension else None,
        )
        for name, cube in cubes.items()
        if name != _TARIFFS
    ]
    return (*tables, *([_costs(cubes[_TARIFFS])] if _TARIFFS in cubes else []))


# Read through the mart that knows the prices.
_TARIFFS = "cube_tariffs_monthly"


def _costs(tariffs: Cube) -> Table:
    cost = Measure(name="cost_amount", description="Cost of accepted messages.", sum="cost_amount")
    return Table(
        name="main.mart_costs_monthly",
        cube=tariffs,
        measures={each.name: each for each in (*tariffs.measures, cost)},
        extra=("channel", "message_category", "contact_country", "cost_currency"),
        needed=("cost_currency",),
    )


def _of_measure(measure: Measure) -> Metric:
    return Metric(
        metric=measure.name,
        description=measure.description,
        unit=measure.name.rpartition("_")[2],
        over=measure.name,
    )
