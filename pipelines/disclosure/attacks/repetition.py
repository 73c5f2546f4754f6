"""Attack by repetition: ask again and take the mean. The same people must always get the same numbers."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.codegen.model_sql import ModelSql
from pipelines.declarations.cube import Cube
from pipelines.disclosure.attacks.worlds import EXACT, Base, Worlds, attackable, draw_keys
from warehouse.store.connection import connect

REPETITIONS = 100


@dataclass(frozen=True, slots=True)
class Repeated:
    """The result of building one slice again and again.

    Attributes:
        cells: Cells attacked.
        changing: Cells that are not the same every time.
        error: Median distance of the mean over all repetitions from the truth, where it is not zero; rounding
            that averages out leaves hardly any.
    """

    cells: int
    changing: int
    error: float


def repeat(
    base: Base,
    cubes: Mapping[str, Cube],
    *,
    tmp: Path,
    models: ModelSql,
    has_fixed_keys: bool = True,
) -> Repeated:
    """Build the same rows 100 times, in any order of them.

    Args:
        has_fixed_keys: People have the same record keys each time, as HMACs of the same people do.
    """
    donors = np.tile(np.arange(base.contacts), (REPETITIONS, 1))
    once = draw_keys((1, base.contacts), seed=1)
    keys = np.tile(once, (REPETITIONS, 1)) if has_fixed_keys else draw_keys(donors.shape, seed=1)
    cell = ["cell", "measure"]
    with closing(connect(tmp=tmp, memory_limit="3GB")) as connection:
        worlds = Worlds(connection, base, donors, keys=keys, models=models)
        chosen = attackable(cubes, base.rows).values()
        published = pl.concat(worlds.publish(cube) for cube in chosen)
        one = Worlds(connection, base, donors[:1], keys=keys[:1], models=models)
        truth = pl.concat(one.publish(cube, weakening=EXACT) for cube in chosen)
    answers = published.group_by(cell).agg(
        pl.len().alias("times"),
        pl.col("number").n_unique().alias("answers"),
        pl.col("number").mean().alias("mean"),
    )
    compared = answers.join(truth.select(*cell, pl.col("number").alias("true")), on=cell)
    compared = compared.filter(pl.col("true") > 0)
    error = compared.select((pl.col("mean") - pl.col("true")).abs().median()).item()
    changing = answers.filter((pl.col("answers") > 1) | (pl.col("times") < REPETITIONS))
    return Repeated(len(answers), len(changing), float(error or 0))
