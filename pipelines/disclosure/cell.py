"""Trace a published row back to the restricted facts that made it, as long as they live."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import duckdb

from pipelines.codegen.cubes import cube_sql, mart_keys
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
class PublishedRow:
    """A row of a cube, or of a mart that adds up rows of a cube.

    Attributes:
        columns: Its columns, `level` among them.
        keys: The columns that name it, without its period.
        first, last: The period of the cube's first and last row that it adds up.
    """

    cube: Cube
    columns: Mapping[str, Any]
    keys: tuple[str, ...]
    first: date
    last: date

    @property
    def period(self) -> str:
        """Return the column of its period in the cube."""
        return self.cube.spine.period.column

    def node(self, level: Level) -> Mapping[str, object]:
        """Return what names the node of a level that it lies in, as the steps of a cube call it."""
        others = set(self.cube.path) - set(self.cube.spine.path(level))
        named = {key: self.columns[key] for key in self.keys if key not in others}
        dimension = self.cube.dimension
        return {
            "cell" if dimension and key == dimension.name else key: value
            for key, value in {**named, "level": str(level)}.items()
        }

    @property
    def level(self) -> Level:
        """Return its own level."""
        return Level(str(self.columns["level"]))

    @property
    def levels(self) -> Sequence[Level]:
        """Return the levels from the platform down to its own; without those that its days may differ in."""
        above = self.cube.levels[: self.cube.levels.index(self.level)]
        return [*(each for each in above if set(self.cube.spine.path(each)) <= set(self.keys)), self.level]


@dataclass(frozen=True, slots=True)
class Traced:
    """A published row and what it was made of.

    Attributes:
        levels: Each level from the platform down to the row: its name, the node's name, its people.
        people: The most active people of the row: pseudonym, then what they add to each measure.
    """

    row: PublishedRow
    levels: Sequence[tuple[str, str, int]]
    measures: Sequence[Counted]
    people: Sequence[tuple[object, ...]]

    @property
    def is_equal(self) -> bool:
        """Return whether the facts that are there now give what was published."""
        return all(each.rebuilt == each.published for each in self.measures)


def published_row(
    published: duckdb.DuckDBPyConnection, cubes: Mapping[str, Cube], table: str, where: str
) -> PublishedRow:
    """Find the one row that a condition names in a published mart or cube.

    Args:
        published: A connection to the published copy.
        table: A mart or a cube.
        where: A condition in SQL over its columns.

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
    keys = mart_keys(cube, mart) if mart else tuple(key for key in cube.keys if key != "level")
    if len(rows) != 1:
        found = "several rows meet" if rows else "no row meets"
        raise CellError(f"{table}: {found} the condition. Name one row by {', '.join(keys)}.")
    row = dict(zip((column[0] for column in published.description), rows[0], strict=True))
    for amount in load_composed():
        # A mart shows units of a currency, its cube millionths.
        if amount.metric in row and amount.per != 1 and not amount.under:
            shown = row[amount.metric]
            row[amount.over] = int(shown * amount.per) if isinstance(shown, Decimal) else None
    if mart is not None:
        row["level"] = str(mart.level)
    first, last = _days(row, mart.per if mart else None, cube.spine.period.column)
    named = tuple(key for key in keys if key not in (cube.spine.period.column, "week", "month"))
    return PublishedRow(cube, row, ("level", *named), first, last)


def _days(row: Mapping[str, Any], per: str | None, period: str) -> tuple[date, date]:
    """Return the first and last period of the cube that a row adds up."""
    match per:
        case "week":
            return row["week"], row["week"] + timedelta(days=6)
        case "month":
            return row["month"], month_end(row["month"])
        case "life":
            return row["first_send_date"], row["last_send_date"]
        case _:
            return row[period], row[period]


def trace(
    connection: duckdb.DuckDBPyConnection, row: PublishedRow, *, keyring: KeyStore, most_people: int = 0
) -> Traced:
    """Count a row again from the restricted facts, step by step.

    Args:
        connection: A session on store and warehouse. Tables are made in its memory.
        most_people: How many people of the row to list.
    """
    cube = row.cube
    models = _make_slices(connection, row, keyring)
    names = [measure.name for measure in cube.measures]
    adds = _added_up(cube, "{0}")

    def ask(last: str, level: Level) -> list[tuple[Any, ...]]:
        sql = models.render(cube_sql(cube, last=last))
        return connection.execute(sql, [row.first, row.last, *row.node(level).values()]).fetchall()

    def people_at(level: Level) -> int:
        ((people,),) = ask(f"select count(distinct unit_token) from units where {_is_in(row, level)}", level)
        return int(people)

    ((*numbers,),) = ask(_steps_sql(row), row.level)
    adding = (f"count(distinct case when {each} > 0 then unit_token end)" for each in adds.values())
    (people,) = ask(f"select {', '.join(adding)} from units where {_is_in(row, row.level)}", row.level)
    listed = ", ".join(f"sum({added}) as {name}" for name, added in adds.items())
    order = ", ".join(f"{name} desc" for name in names)
    return Traced(
        row=row,
        levels=[(str(level), _name(row, level), people_at(level)) for level in row.levels],
        measures=[
            Counted(
                name, adding, exact, rebuilt, shown if isinstance(shown := row.columns[name], int) else None
            )
            for name, adding, exact, rebuilt in zip(names, people, numbers[::2], numbers[1::2], strict=True)
            if name in row.columns
        ],
        people=ask(
            f"select unit_token, {listed} from units where {_is_in(row, row.level)} "
            f"and unit_token is not null group by unit_token order by {order} limit {most_people}",
            row.level,
        ),
    )


def _cube_of(cubes: Mapping[str, Cube], table: str) -> tuple[Cube, Mart | None]:
    if table in cubes:
        return cubes[table], None
    for cube in cubes.values():
        for mart in cube.marts:
            if mart.name == table:
                return cube, mart
    raise CellError(f"{table} is neither a cube nor a mart of one cube. Known: {_known(cubes)}.")


def _known(cubes: Mapping[str, Cube]) -> str:
    return ", ".join(sorted(mart.name for cube in cubes.values() for mart in cube.marts))


def _make_slices(connection: duckdb.DuckDBPyConnection, row: PublishedRow, keyring: KeyStore) -> ModelSql:
    """Make the slices that a row counts, as a build does; return what renders SQL over them."""
    last = month_end(row.last) if row.cube.spine.period is Period.MONTH else row.last
    connection.execute(f"set search_path = '{SCHEMAS}'")
    register_surrogate(connection, keyring)
    register_record_key(connection, keyring)
    models = ModelSql()
    models.bounds = dict.fromkeys(("day", "month", "all"), (row.first, last))
    make_slices(connection, models, filter(None, (row.cube.facts, row.cube.spine.leaves)))
    return models


def _steps_sql(row: PublishedRow) -> str:
    """Return SQL for one row: exact and rounded number of each measure."""
    cube = row.cube
    exact = _added_up(cube, "coalesce(rounded.{0} - rounded.{0}_excess, 0)")
    columns = [
        f"coalesce(sum({number}), 0), coalesce(sum(published.{name}), 0)" for name, number in exact.items()
    ]
    names = {cube.dimension.name: "cell"} if cube.dimension else {}
    same = " and ".join(f"rounded.{names.get(key, key)} = published.{key}" for key in cube.keys)
    wanted = _is_in(row, row.level, of="rounded.")
    return f"select {', '.join(columns)} from rounded inner join published on {same} where {wanted}"


def _added_up(cube: Cube, piece: str) -> Mapping[str, str]:
    """Return measure → SQL for the sum of its pieces, each written as ``piece`` says."""
    return {measure: f"({' + '.join(map(piece.format, pieces))})" for measure, pieces in cube.sums.items()}


def _is_in(row: PublishedRow, level: Level, *, of: str = "") -> str:
    """Return SQL for whether a step's row is one that the published row adds up, at a level."""
    named = "".join(f" and {of}{column} = ?" for column in row.node(level))
    return f"{of}{row.period} between ? and ?{named}"


def _name(row: PublishedRow, level: Level) -> str:
    path = row.cube.spine.path(level)
    return str(row.columns[path[-1]]) if path else TOTAL
