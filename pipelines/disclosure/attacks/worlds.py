"""Make worlds to attack: what might as well have happened, published by the project's own SQL.

A world is one workspace in one month, drawn anew: every contact gets the rows of some contact of the same
workspace, so that all worlds have one distribution and nobody in them is real. Worlds are laid out as months
of one table and built in one go; each world's cubes are slices of their own.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date

import duckdb
import numpy as np
import polars as pl

from pipelines.codegen.cubes import cube_sql
from pipelines.codegen.model_sql import UNBOUNDED, UNROUNDED, ModelSql
from pipelines.declarations.cube import Cube
from pipelines.disclosure.surrogates import RECORD_KEYS
from warehouse.store.connection import identifier

# One month per world from here on.
_FIRST_MONTH = date(1900, 1, 1)
WORKSPACE = "attacked"
# Below every count: every value stands alone.
NO_THRESHOLD = -1_000
# Models that are made of the rows below, in the order in which they need each other.
DERIVED = (
    "slice_campaign_groups",
    "slice_leaves",
    "slice_month_leaves",
    "slice_month_contacts",
    "slice_month_responses",
)


@dataclass(frozen=True, slots=True)
class Base:
    """The rows that worlds are drawn from, of one workspace: a day's and its month's.

    Attributes:
        contacts: How many there are, with rows or without; they are numbered from 0.
        rows: Model of the slice → its rows; `contact` is the number in place of `unit_token`, and there are
            no columns `send_date`, `month`, `workspace_id` and `record_key`.
    """

    contacts: int
    rows: Mapping[str, pl.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Weakening:
    """The protections that a build leaves out, to see that an attack can succeed."""

    is_rounded: bool = True
    is_bounded: bool = True
    has_threshold: bool = True

    @property
    def variables(self) -> Mapping[str, int]:
        """Return the variables of the dbt project that differ."""
        return {**({} if self.is_rounded else UNROUNDED), **({} if self.is_bounded else UNBOUNDED)}


NONE = Weakening()
EXACT = Weakening(is_rounded=False, is_bounded=False, has_threshold=False)


def draw_keys(shape: tuple[int, ...], *, seed: int) -> np.ndarray:
    """Draw record keys, each as likely as any other."""
    return np.random.default_rng(seed).integers(0, RECORD_KEYS, shape)


class Worlds:
    """Tables of many worlds in one connection, and the cubes over them."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        base: Base,
        donors: np.ndarray,
        *,
        keys: np.ndarray,
        models: ModelSql,
    ) -> None:
        """Lay out worlds.

        Args:
            connection: In memory, for this alone; rows that do not fit spill encrypted.
            donors: Worlds x contacts: whose rows a contact has; -1 = none.
            keys: Worlds x contacts: record keys, which nobody outside knows.
        """
        self._connection = connection
        self._models = models
        worlds, contacts = np.indices(donors.shape)
        drawn = pl.DataFrame(
            {
                "world": worlds.ravel(),
                "unit": contacts.ravel(),
                "donor": donors.ravel(),
                "record_key": keys.ravel().astype(np.int32),
            }
        )
        connection.register("_drawn", drawn)
        for model, rows in base.rows.items():
            self._lay_out(model, rows)
        connection.unregister("_drawn")
        connection.execute("create or replace macro surrogate(w, kind, value) as kind || ' ' || value")
        for model in DERIVED:
            connection.execute(f"create or replace table {identifier(model)} as {self._models.model(model)}")

    def _lay_out(self, model: str, rows: pl.DataFrame) -> None:
        period = "month" if model.startswith("slice_month_") else "send_date"
        self._connection.register("_base", rows)
        self._connection.execute(
            f"create or replace table {identifier(model)} as "
            f"select cast(date '{_FIRST_MONTH}' + to_months(world::integer) as date) as {period}, "
            f"'{WORKSPACE}' as workspace_id, unit::varchar as unit_token, record_key, "
            "base.* exclude (contact) from _drawn inner join _base as base on donor = base.contact"
        )
        self._connection.unregister("_base")

    def publish(self, cube: Cube, *, weakening: Weakening = NONE) -> pl.DataFrame:
        """Return what a cube says of every world.

        Returns:
            One row per cell and measure: `world`, `level`, `cell` (the cube, the node and the value of the
            dimension), `measure`, `number`.
        """
        weakened = (
            cube if weakening.has_threshold else cube.model_copy(update={"minimum_units": NO_THRESHOLD})
        )
        sql = self._models.render(cube_sql(weakened), **weakening.variables)
        period = cube.spine.period.column
        names = ", ".join(("level", *cube.path, *([cube.dimension.name] if cube.dimension else [])))
        cells = self._connection.execute(
            f"select cast(date_diff('month', date '{_FIRST_MONTH}', {period}) as integer) as world, "
            f"level, concat_ws('|', '{cube.cube}', {names}) as cell, "
            f"* exclude ({period}, {names}) from ({sql})"
        ).pl()
        return cells.unpivot(
            [measure.name for measure in cube.measures],
            index=["world", "level", "cell"],
            variable_name="measure",
            value_name="number",
        )


def attackable(cubes: Mapping[str, Cube], models: Collection[str]) -> dict[str, Cube]:
    """Return the cubes over the models that worlds have."""
    there = {*models, *DERIVED}
    return {name: cube for name, cube in cubes.items() if cube.facts in there}
