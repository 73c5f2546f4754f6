"""Metrics as dbt's semantic models, for tools that read them: generated from the same declarations.

MetricFlow adds rows up and knows neither levels nor codes. So every metric is pinned to the rows of one
level, where each message stands in one row, and to the total of the free dimension; a code adds nothing, and
a rate takes the rows in which both of its numbers are shown. Latencies (out of bins) and costs (by currency)
are metrics of `wasms metrics` alone. See https://docs.getdbt.com/docs/build/semantic-models.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from pipelines.cube import TOTAL, Cube, Level, Measure
from pipelines.dbt_cubes import DO_NOT_EDIT
from pipelines.errors import MetricError
from pipelines.metrics.metric import Metric, Table
from pipelines.metrics.question import Question, choose

PATH = "dbt_project/models/semantics/semantic_models.yml"
LEVELS = (Level.PLATFORM, Level.WORKSPACE, Level.CAMPAIGN)
# `month` may not be a name there.
_TIME = "slice_date"
_CODES = "A coded number adds nothing; `wasms metrics` says what codes leave open."
_DISTINCT = "Distinct people of one row do not add up: the largest row is taken."


def semantic_files(metrics: Mapping[str, Metric], tables: Iterable[Table]) -> Mapping[str, str]:
    """Path below the project's root → text of all semantic models and metrics."""
    cubes = {table.name: table for table in tables if table.name.startswith("cubes.")}
    listed = [each for metric in metrics.values() for each in _metrics(metric, [*cubes.values()])]
    unique = {each["name"]: each for each in listed}
    document = {
        "semantic_models": [_model(table.cube) for table in cubes.values()],
        "metrics": [unique[name] for name in sorted(unique)],
    }
    text = yaml.safe_dump(document, sort_keys=False, width=110, allow_unicode=True)
    return {PATH: f"# {DO_NOT_EDIT}\n{text}"}


def _short(cube: Cube) -> str:
    return cube.cube.removeprefix("cube_")


def _model(cube: Cube) -> dict[str, Any]:
    period = cube.spine.period
    names = ["level", *cube.path, *([cube.dimension.name] if cube.dimension else [])]
    flags = [f"{measure.name}_flag" for measure in cube.measures]
    return {
        "name": _short(cube),
        "description": f"{cube.description} Its rows are of several levels: keep to one.",
        "model": f"ref('{cube.cube}')",
        "defaults": {"agg_time_dimension": _TIME},
        "primary_entity": _entity(cube),
        "dimensions": [
            {
                "name": _TIME,
                "type": "time",
                "expr": period.column,
                "type_params": {"time_granularity": str(period)},
            },
            *({"name": name, "type": "categorical"} for name in (*names, *flags)),
        ],
        "measures": [_measure(cube, measure) for measure in cube.measures],
    }


def _entity(cube: Cube) -> str:
    return f"{_short(cube)}_cell"


def _measure(cube: Cube, measure: Measure) -> dict[str, Any]:
    is_distinct = measure.units is not None
    return {
        "name": f"{_short(cube)}_{measure.name}",
        "description": f"{measure.description} {_DISTINCT if is_distinct else _CODES}",
        "agg": "max" if is_distinct else "sum",
        "expr": measure.name,
    }


def _metrics(metric: Metric, tables: list[Table]) -> Iterator[dict[str, Any]]:
    """A metric of the platform, and of workspaces and campaigns where its table has them."""
    if metric.quantile is not None:
        return
    try:
        table = choose(metric, Question(), tables)
    except MetricError:
        return
    for level in (each for each in LEVELS if each in table.cube.levels):
        name = metric.metric if level is Level.PLATFORM else f"{level}_{metric.metric}"
        where = [f"{_column(table.cube, 'level')} = '{level}'"]
        if table.dimension:
            where.append(f"{_column(table.cube, table.dimension)} = '{TOTAL}'")
        of = "Of the platform" if level is Level.PLATFORM else f"By {level.replace('_', ' ')}"
        common = {
            "name": name,
            "label": name.replace("_", " "),
            "description": f"{metric.description} {of}, in {metric.unit}.",
        }
        if metric.under is None:
            yield {**common, **_simple(table, metric.over, where)}
            continue
        where += [f"{_column(table.cube, f'{each}_flag')} is null" for each in metric.measures]
        parts = {}
        for part, measure in (("numerator", metric.over), ("denominator", metric.under)):
            shown = f"{name}_{part}"
            yield {
                "name": shown,
                "label": shown.replace("_", " "),
                "description": f"{measure} in the rows that show both numbers of {name}.",
                **_simple(table, measure, where),
            }
            parts[part] = shown
        yield {**common, "type": "ratio", "type_params": parts}


def _simple(table: Table, measure: str, where: Iterable[str]) -> dict[str, Any]:
    return {
        "type": "simple",
        "type_params": {"measure": f"{_short(table.cube)}_{measure}"},
        "filter": "\n".join(f"{'and ' if n else ''}{each}" for n, each in enumerate(where)),
    }


def _column(cube: Cube, name: str) -> str:
    return f"{{{{ Dimension('{_entity(cube)}__{name}') }}}}"
