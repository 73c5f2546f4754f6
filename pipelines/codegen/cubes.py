"""Generate the dbt models of cubes and of the marts over them, each with its YAML file."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from textwrap import indent
from typing import Any

from pipelines.codegen.staging import model_yaml
from pipelines.declarations.cube import CONTACT_MONTH, Cube, Dimension, Level, Mart, Measure, Period, Unit
from pipelines.declarations.disclosure import load_disclosure
from pipelines.declarations.metric import CURRENCIES, Metric, load_composed

DO_NOT_EDIT = "Generated from pipelines/cubes by `make sync`; do not edit."

_CUBES = "dbt_project/models/cubes"
_MARTS = "dbt_project/models/marts"
_DECLARATIONS = "dbt_project/macros/generated/cubes.sql"

_PERIODS = {
    Period.DAY: "Day on which the messages were queued, in the workspace's time zone.",
    Period.MONTH: "First day of the month, in the workspace's time zone; of usage, errors and late statuses "
    "in UTC.",
}
_GROUPS = "`all` = not split at this level; `other` = the ones too small to stand alone, together"
_PATH = {
    "workspace_key": f"Surrogate of the workspace (16 hex digits). {_GROUPS}; "
    "`former` = workspaces whose accounts have ended, together.",
    "channel": f"Channel: whatsapp or sms; `mixed` = a group of campaigns on both. {_GROUPS}.",
    "message_category": "Purpose: marketing, utility, authentication or service; `mixed`, `unknown`. "
    f"{_GROUPS}.",
    "template_key": f"Surrogate of the template (16 hex digits); `none`, `mixed`. {_GROUPS}.",
    "campaign_key": "Surrogate of the campaign (16 hex digits), or of the first of a group of campaigns with "
    f"nearly the same audience; `none` = messages of no campaign. {_GROUPS}.",
}
# Key → the table of its names, and what a reader calls one.
_NAMED = {
    "workspace_key": ("dim_published_workspaces", "workspace"),
    "template_key": ("dim_published_templates", "template"),
    "campaign_key": ("dim_published_campaigns", "campaign"),
}
_COVERAGE = "cube_coverage_monthly"
_WITH_COVERAGE = (
    ("workspaces_counted", "bigint", "Workspaces that are counted in this month's rows."),
    ("workspaces_total", "bigint", "Workspaces that sent messages; those not counted keep them too short."),
)


def cube_files(cubes: Collection[Cube]) -> Mapping[str, str]:
    """Return path below the root → text of every cube and mart, the YAML beside it, and the declarations."""
    texts = {_DECLARATIONS: _declarations_macro(cubes)}
    for cube in cubes:
        texts[f"{_CUBES}/{cube.cube}.sql"] = _model(cube)
        split = f" and {cube.dimension.name.replace('_', ' ')}" if cube.dimension else ""
        texts[f"{_CUBES}/{cube.cube}.yml"] = _properties(
            cube.cube,
            f"One row per {cube.spine.period}, node ({', '.join(cube.levels)}){split}. " + cube.description,
            _columns(cube),
            cube.keys,
        )
        for mart in cube.marts:
            texts[f"{_MARTS}/{mart.name}.sql"] = _mart_sql(cube, mart)
            columns, keys = _mart_columns(cube, mart), mart_keys(cube, mart)
            texts[f"{_MARTS}/{mart.name}.yml"] = _properties(mart.name, mart.description, columns, keys)
    return texts


def cube_sql(cube: Cube, *, last: str | None = None) -> str:
    """Return the query of a cube, declared in the project or not.

    Args:
        last: A query over its steps; None = what is published.
    """
    return f"{{{{ cube_query({_declaration(cube)}{f', {last!r}' if last else ''}) }}}}\n"


def _model(cube: Cube) -> str:
    return (
        f"{{#- {DO_NOT_EDIT} -#}}\n"
        f"{{{{ config(**slices('{cube.spine.period.column}')) }}}}\n\n"
        f"{{{{ cube('{cube.cube}') }}}}\n"
    )


def _declarations_macro(cubes: Iterable[Cube]) -> str:
    listed = indent("".join(f"{cube.cube!r}: {_declaration(cube)},\n" for cube in cubes), "    ")
    return (
        f"{{#- {DO_NOT_EDIT} What each cube is: see `cube_query`. -#}}\n"
        f"{{% macro cube_declarations() %}}\n{{{{ return({{\n{listed}}}) }}}}\n{{% endmacro %}}\n"
    )


def _declaration(cube: Cube) -> str:
    listed = "".join(f"    {name!r}: {_literal(value)},\n" for name, value in declared(cube).items())
    return f"{{\n{listed}}}"


def declared(cube: Cube) -> Mapping[str, Any]:
    """Return the argument of the macro `cube_query`."""
    spine = cube.spine
    return {
        "facts": cube.facts,
        "leaves": spine.leaves,
        "leaf_keys": list(spine.keys),
        "period": spine.period.column,
        "path": list(cube.path),
        "levels": {str(level): len(spine.path(level)) for level in cube.levels},
        "dimension": _dimension(cube.dimension),
        "pieces": [piece.model_dump() | {"unless": list(piece.unless)} for piece in cube.pieces],
        "measures": [
            {"name": measure.name, "pieces": list(pieces), "at_most": measure.at_most}
            for measure, pieces in zip(cube.measures, cube.sums.values(), strict=True)
        ],
        "minimum_units": cube.minimum_units,
        "unit": str(spine.unit),
    }


def _dimension(dimension: Dimension | None) -> dict[str, Any] | None:
    if dimension is None:
        return None
    return {"name": dimension.name, "sql": dimension.sql, "listed": list(dimension.values)}


def _literal(value: object) -> str:
    """Return a Jinja literal; of a list of mappings, one line each."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + "".join(f"        {item!r},\n" for item in value) + "    ]"
    return repr(value)


def _columns(cube: Cube) -> list[tuple[str, str, str]]:
    """Return name, type and description of each column."""
    dimension = cube.dimension
    is_open = dimension is not None and not dimension.values
    rest = " `other` = the values of few, together, always listed." if is_open else ""
    return [
        (cube.spine.period.column, "date", _PERIODS[cube.spine.period]),
        ("level", "varchar", f"What the row counts: {', '.join(cube.levels)}."),
        *((column, "varchar", _PATH[column]) for column in cube.path),
        *([(dimension.name, "varchar", dimension.description + rest)] if dimension else []),
        *(column for measure in cube.measures for column in _measure_columns(cube, measure)),
    ]


def _measure_columns(cube: Cube, measure: Measure) -> Iterator[tuple[str, str, str]]:
    """Yield the column of a measure, and that of its squares."""
    is_several = measure.units is None and cube.spine.unit is Unit.CONTACT
    several = " times what the third most active contact adds" if is_several else ""
    rounded = f" Rounded at random to a multiple of {load_disclosure().rounding_base}{several}."
    yield measure.name, "bigint", measure.description + rounded
    text = f"Squares of what {measure.name} was rounded to, summed up: a sixth of it is the variance."
    yield f"{measure.name}_squares", "double", text


def mart_keys(cube: Cube, mart: Mart) -> tuple[str, ...]:
    """Return the columns that name a row of a mart, its period first where it has one."""
    if mart.per == "life":
        return tuple(dict.fromkeys((Level.WORKSPACE.column, mart.level.column)))
    dimension = (cube.dimension.name,) if cube.dimension else ()
    return (mart.per or cube.spine.period.column, *cube.spine.path(mart.level), *dimension)


def _life(cube: Cube, mart: Mart) -> tuple[str, ...]:
    """Return the columns that say what a node's days have in common; of marts of one period none."""
    if mart.per != "life":
        return ()
    return tuple(column for column in cube.spine.path(mart.level) if column not in mart_keys(cube, mart))


def _mart_measures(cube: Cube, mart: Mart) -> list[Measure]:
    return [measure for measure in cube.measures if mart.per is None or measure.units is None]


def _names(columns: Collection[str]) -> list[str]:
    """Return the columns of names beside keys."""
    return [f"{thing}_name" for key, (_, thing) in _NAMED.items() if key in columns]


def _has_coverage(cube: Cube, mart: Mart) -> bool:
    return mart.per is None and cube.spine is CONTACT_MONTH


def _composed(measures: Collection[Measure]) -> list[Metric]:
    """Return the metrics that marts have as columns, where all measures that they are made of are there."""
    names = {measure.name for measure in measures}
    return [metric for metric in load_composed() if metric.in_marts and names.issuperset(metric.measures)]


def _amounts(measures: Collection[Measure]) -> dict[str, Metric]:
    """Return measure → the metric in units of a currency that stands in its place."""
    return {m.over: m for m in _composed(measures) if not m.under and m.over in CURRENCIES}


def _mart_columns(cube: Cube, mart: Mart) -> list[tuple[str, str, str]]:
    named = (*mart_keys(cube, mart), *_life(cube, mart))
    own = {column[0]: column for column in _columns(cube)} | {
        "week": ("week", "date", "Monday of the ISO week, in the workspace's time zone."),
        "month": ("month", "date", _PERIODS[Period.MONTH]),
    }
    columns = [own[column] for column in named]
    if mart.per == "life":
        columns += [
            ("first_send_date", "date", "First day with messages that is counted."),
            ("last_send_date", "date", "Last day with messages that is counted."),
        ]
    columns += [
        (name, "varchar", f"Scrubbed name of the {name.removesuffix('_name')}, or what the group is made of.")
        for name in _names(named)
    ]
    if "campaign_key" in named:
        columns.append(("variant", "varchar", "Variant of an A/B test; `none` where there is no test."))
    if order := _order(cube):
        place = f"Place of {order.removesuffix('_order')} in its order, to sort by."
        columns.append((order, "smallint", place))
    measures = _mart_measures(cube, mart)
    amounts = _amounts(measures)
    shown = {
        m.name: (amounts[m.name].metric, "decimal(18,6)", own[m.name][2] + _emptiness(m))
        for m in measures
        if m.name in amounts
    }
    columns += [shown.get(measure.name, own[measure.name]) for measure in measures]
    composed = _composed(measures)
    columns += [
        (m.metric, "double", f"{m.over} / {m.under}; empty where nothing is under it.")
        for m in composed
        if m.under
    ]
    columns += [(m.metric, "bigint", f"{m.over} - {m.less}.") for m in composed if m.less]
    return columns + (list(_WITH_COVERAGE) if _has_coverage(cube, mart) else [])


def _order(cube: Cube) -> str:
    """Return the column that sorts the values of a closed dimension; empty where they sort by themselves."""
    dimension = cube.dimension
    if dimension is None or list(dimension.values) == sorted(dimension.values):
        return ""
    return f"{dimension.name}_order"


def _mart_sql(cube: Cube, mart: Mart) -> str:
    named = (*mart_keys(cube, mart), *_life(cube, mart))
    imports, joins = [_cells(cube, mart)], ""
    lines = [f"    cells.{column}" for column in named]
    if mart.per == "life":
        lines += ["    cells.first_send_date", "    cells.last_send_date"]
    for key, (table, thing) in _NAMED.items():
        if key not in named:
            continue
        imports.append(f"{thing}s as (\n\n    select * from {{{{ ref('{table}') }}}}")
        label = f"{{{{ label('{thing}', 'cells.{key}', '{thing}s.{thing}_name') }}}}"
        lines.append(f"    {label} as {thing}_name")
        keys = dict.fromkeys((Level.WORKSPACE.column, key))
        agree = [f"cells.{column} = {thing}s.{column}" for column in keys]
        on = f" {agree[0]}" if len(agree) == 1 else "\n        " + "\n        and ".join(agree)
        joins += f"left join {thing}s\n    on{on}\n"
    if "campaign_key" in named:
        lines.append("    coalesce(campaigns.variant, 'none') as variant")
    if order := _order(cube):
        lines.append(f"    {{{{ place_in_order('{cube.cube}') }}}} as {order}")
    measures = _mart_measures(cube, mart)
    amounts = _amounts(measures)
    lines += [
        _amount_sql(amounts[measure.name], measure)
        if measure.name in amounts
        else f"    cells.{measure.name}"
        for measure in measures
    ]
    composed = _composed(measures)
    lines += [
        f"    {{{{ rate('cells.{m.over}', 'cells.{m.under}') }}}} as {m.metric}" for m in composed if m.under
    ]
    lines += [f"    cells.{m.over} - cells.{m.less} as {m.metric}" for m in composed if m.less]
    if _has_coverage(cube, mart):
        imports.append(f"coverage as (\n\n    select * from {{{{ ref('{_COVERAGE}') }}}}")
        lines += [f"    coverage.{name}" for name, _, _ in _WITH_COVERAGE]
        joins += "left join coverage\n    on cells.month = coverage.month\n"
    selected = ",\n".join(lines)
    return (
        f"-- {DO_NOT_EDIT}\n"
        + "\n\n),\n\n".join(imports)
        + f"\n\n)\n\nselect\n{selected}\nfrom cells\n{joins}"
    )


def _emptiness(measure: Measure) -> str:
    """Return when a column in units of a currency is empty."""
    rounded_down = f", and where 0 beside {measure.counted_by} is not known" if measure.counted_by else ""
    return f" Here in its units; empty for `other`{rounded_down}."


def _amount_sql(amount: Metric, measure: Measure) -> str:
    """Return a column in units of a currency; amounts of several currencies have no sum."""
    conditions = [f"cells.{CURRENCIES[amount.over]} not in ('other', 'unknown')"]
    if measure.counted_by:
        conditions.append(f"(cells.{amount.over} > 0 or cells.{measure.counted_by} = 0)")
    return (
        "    case\n        when\n            " + "\n            and ".join(conditions) + "\n"
        f"            then cast(cells.{amount.over} / {amount.per} as decimal(18, 6))\n"
        f"    end as {amount.metric}"
    )


def _cells(cube: Cube, mart: Mart) -> str:
    """Return the beginning of a mart's query: the rows of its level, of longer periods added up."""
    source = f"ref('{cube.cube}')"
    if mart.per is None:
        level = f"\n    where level = '{mart.level}'" if len(cube.levels) > 1 else ""
        return f"with cells as (\n\n    select * from {{{{ {source} }}}}{level}"
    keys = [key for key in mart_keys(cube, mart) if key != mart.per]
    arguments = {
        "level": str(mart.level),
        "per": mart.per,
        "keys": keys,
        "shared": list(_life(cube, mart)),
        "measures": [measure.name for measure in _mart_measures(cube, mart)],
    }
    listed = "".join(f"        {name}={_argument(value)},\n" for name, value in arguments.items() if value)
    return f"with cells as (\n\n    {{{{ summed_days(\n        {source},\n{listed}    ) }}}}"


def _argument(value: object) -> str:
    """Return a Jinja literal; of a list, one line for each of several."""
    if isinstance(value, list) and len(value) > 3:
        return "[\n" + "".join(f"            {item!r},\n" for item in value) + "        ]"
    return repr(value)


def _properties(
    name: str, description: str, columns: Sequence[tuple[str, str, str]], keys: Sequence[str]
) -> str:
    model = {
        "name": name,
        "description": description,
        "data_tests": [{"one_row_per": {"arguments": {"columns": list(keys)}}}],
        "columns": [
            {"name": column, "data_type": type_, "description": text} for column, type_, text in columns
        ],
    }
    return model_yaml(model, DO_NOT_EDIT)
