"""Trace a published row back to the restricted facts that made it, as long as they live."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb

from pipelines.codegen.cubes import cube_sql
from pipelines.codegen.model_sql import ModelSql
from pipelines.declarations.calendar import month_end
from pipelines.declarations.cube import TOTAL, Cube, Level, Mart, Period
from pipelines.declarations.errors import PipelineError
from pipelines.declarations.metric import load_composed
from pipelines.disclosure.slices import SCHEMAS, make_slices
from pipelines.disclosure.surrogates import register_record_key, register_surrogate
from warehouse.keys.keyring import KeyStore
from warehouse.store.connection import identifier


class CellError(PipelineError):
    """A row cannot be traced; the message says why, and what to ask instead."""


@dataclass(frozen=True, slots=True)
class Counted:
    """One measure of a cell, before and after disclosure control.

    Attributes:
        people: Distinct people who add to it.
        exact: Its number, counted from the facts; what the most active people add beyond the others is left
            out. rebuilt: What these facts would show if they were published now.
        published: What the published row shows; None where it was taken out.
    """

    measure: str
    people: int
    exact: int
    rebuilt: int
    published: int | None


@dataclass(frozen=True, slots=True)
class Traced:
    """A published row and what it was made of.

    Attributes:
        keys: Column of the cube's row → its value.
        levels: Each level from the platform down to the row: its name, the node's name, its people.
        people: The most active people of the cell: pseudonym, then what they add to each measure.
    """

    cube: Cube
    keys: Mapping[str, object]
    levels: Sequence[tuple[str, str, int]]
    measures: Sequence[Counted]
    people: Sequence[tuple[object, ...]]

    @property
    def is_equal(self) -> bool:
        """Return whether the facts that are there now give what was published."""
        return all(each.rebuilt == each.published for each in self.measures)


def published_row(
    published: duckdb.DuckDBPyConnection, cubes: Mapping[str, Cube], table: str, where: str
) -> tuple[Cube, Mapping[str, object]]:
    """Find the one row that a condition names in a published mart or cube.

    Args:
        published: A connection to the published copy.
        table: A mart or a cube.
        where: A condition in SQL over its columns.

    Returns:
        The cube that the row comes from, and the row's columns; `level` is always among them.

    Raises:
        CellError: The table is no mart of one cube, or the condition names no row or several.
    """
    cube, mart = _cube_of(cubes, table)
    schema = "main" if mart else "cubes"
    try:
        rows = published.execute(f"from {schema}.{identifier(table)} where {where} limit 2").fetchall()
    except duckdb.Error as error:
        raise CellError(
            f"{table}: the condition is not valid SQL ({type(error).__name__}). Write `column = 'value'`."
        ) from None
    if len(rows) != 1:
        keys = ", ".join(key for key in cube.keys if key != "level")
        found = "several rows meet" if rows else "no row meets"
        raise CellError(f"{table}: {found} the condition. Name one row by {keys}.")
    row = dict(zip((column[0] for column in published.description), rows[0], strict=True))
    for amount in load_composed():
        # A mart shows units of a currency, its cube millionths.
        if isinstance(shown := row.get(amount.metric), Decimal):
            row[amount.over] = int(shown * amount.per)
    if mart is not None and mart.level is not None:
        row["level"] = str(mart.level)
    return cube, {**dict.fromkeys(cube.path, TOTAL), **row}


def trace(
    connection: duckdb.DuckDBPyConnection,
    cube: Cube,
    row: Mapping[str, object],
    *,
    keyring: KeyStore,
    most_people: int = 0,
) -> Traced:
    """Count a cell again from the restricted facts, step by step.

    Args:
        connection: A session on store and warehouse. Tables are made in its memory.
        row: A row of the cube (see `published_row`).
        most_people: How many people of the cell to list.
    """
    period = row[cube.spine.period.column]
    if not isinstance(period, date):
        raise CellError(f"{cube.cube}: the row has no {cube.spine.period.column}.")
    models = _make_slices(connection, cube, period, keyring)
    node = {("cell" if _is_dimension(cube, key) else key): row[key] for key in cube.keys}
    names = [measure.name for measure in cube.measures]

    def ask(last: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        return connection.execute(models.render(cube_sql(cube, last=last)), values).fetchall()

    def people_at(level: Level) -> int:
        coarser = set(cube.path) - set(cube.spine.path(level))
        at = {**node, "level": str(level), **dict.fromkeys(coarser, TOTAL)}
        ((people,),) = ask(f"select count(unit_token) from units where {_are(at)}", list(at.values()))
        return int(people)

    above = cube.levels[: cube.levels.index(Level(str(row["level"]))) + 1]
    values = list(node.values())
    adds = _added_up(cube, "{0}")
    numbers = (ask(_steps_sql(cube, node), values) or [(0, 0) * len(names)])[0]
    (people,) = ask(
        "select "
        + ", ".join(f"count(case when {each} > 0 then unit_token end)" for each in adds.values())
        + f" from units where {_are(node)}",
        values,
    )
    listed = ", ".join(f"{added} as {name}" for name, added in adds.items())
    order = ", ".join(f"{name} desc" for name in names)
    return Traced(
        cube=cube,
        keys={key: row[key] for key in cube.keys},
        levels=[(str(level), _name(cube, row, level), people_at(level)) for level in above],
        measures=[
            Counted(name, adding, exact, rebuilt, shown if isinstance(shown := row.get(name), int) else None)
            for name, adding, exact, rebuilt in zip(names, people, numbers[::2], numbers[1::2], strict=True)
        ],
        people=ask(
            f"select unit_token, {listed} from units where {_are(node)} and unit_token is not null "
            f"order by {order} limit {most_people}",
            values,
        ),
    )


def _cube_of(cubes: Mapping[str, Cube], table: str) -> tuple[Cube, Mart | None]:
    if table in cubes:
        return cubes[table], None
    for cube in cubes.values():
        for mart in cube.marts:
            if mart.name == table and mart.per is None:
                return cube, mart
    raise CellError(f"{table} is neither a cube nor a mart of one cube. Known: {_known(cubes)}.")


def _known(cubes: Mapping[str, Cube]) -> str:
    return ", ".join(sorted(m.name for cube in cubes.values() for m in cube.marts if m.per is None))


def _make_slices(
    connection: duckdb.DuckDBPyConnection, cube: Cube, first: date, keyring: KeyStore
) -> ModelSql:
    """Make the slices that a cube counts, as a build does; return what renders SQL over them."""
    last = month_end(first) if cube.spine.period is Period.MONTH else first
    connection.execute(f"set search_path = '{SCHEMAS}'")
    register_surrogate(connection, keyring)
    register_record_key(connection, keyring)
    models = ModelSql()
    models.bounds = {"day": (first, last), "month": (first, last), "all": (first, last)}
    make_slices(connection, models, filter(None, (cube.facts, cube.spine.leaves)))
    return models


def _steps_sql(cube: Cube, node: Mapping[str, object]) -> str:
    """Return SQL for one row: exact and rounded number of each measure."""
    exact = _added_up(cube, "coalesce(rounded.{0} - rounded.{0}_excess, 0)")
    columns = [f"{number}, published.{name}" for name, number in exact.items()]
    names = {"cell": cube.dimension.name} if cube.dimension else {}
    shown = " and ".join(f"rounded.{column} = published.{names.get(column, column)}" for column in node)
    wanted = " and ".join(f"rounded.{column} = ?" for column in node)
    return f"select {', '.join(columns)} from rounded inner join published on {shown} where {wanted}"


def _added_up(cube: Cube, piece: str) -> Mapping[str, str]:
    """Return measure → SQL for the sum of its pieces, each written as ``piece`` says."""
    return {measure: f"({' + '.join(map(piece.format, pieces))})" for measure, pieces in cube.sums.items()}


def _are(node: Mapping[str, object]) -> str:
    return " and ".join(f"{column} = ?" for column in node)


def _is_dimension(cube: Cube, key: str) -> bool:
    return cube.dimension is not None and key == cube.dimension.name


def _name(cube: Cube, row: Mapping[str, object], level: Level) -> str:
    path = cube.spine.path(level)
    return str(row[path[-1]]) if path else TOTAL
