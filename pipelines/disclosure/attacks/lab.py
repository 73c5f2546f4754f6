"""Run attacks on worlds drawn from a workspace's rows, whose truth is known."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.codegen.model_sql import ModelSql
from pipelines.declarations.cube import Cube, Level
from pipelines.disclosure.attacks.inference import (
    Advantage,
    KnownCell,
    attribute_by_insider,
    attribute_by_stranger,
    features_of,
    membership_by_stranger,
)
from pipelines.disclosure.attacks.worlds import NONE, Base, Weakening, Worlds, attackable, draw_keys
from warehouse.store.connection import connect

MOST_WORLDS = 1_200
FEWEST_WORLDS = 100
# Rows of all worlds of a workspace, so that a large one takes minutes as well; and those laid out at once.
MOST_ROWS = 1_000_000
ROWS_AT_ONCE = 60_000
TARGETS = 40
MOST_OUTLIERS = 8
# A contact stands out by a value that so few others have.
_FEW_OTHERS = 2

STRANGER, INSIDER = "stranger", "insider"
# The attacker knows all the target did in the month. No publication of many numbers withstands it, so this is
# measured and reported, and nothing is decided by it.
TRACED = "all its rows of the month, known beforehand, are in"

FUNNEL, MONTH = "cube_campaign_daily", "cube_workspace_monthly"


@dataclass(frozen=True, slots=True)
class Secret:
    """Something that a contact did: a condition on its messages, and the measure that counts them."""

    condition: pl.Expr
    measure: str


WRITTEN_TO = "was written to"
SECRETS: Mapping[str, Secret] = {
    WRITTEN_TO: Secret(pl.lit(value=True), "audience_contacts"),
    "read": Secret(pl.col("is_read"), "read_messages"),
    "clicked": Secret(pl.col("is_clicked"), "clicked_messages"),
    "replied": Secret(pl.col("is_replied_72h"), "replied_72h_messages"),
    "opted out": Secret(pl.col("is_opted_out"), "opted_out_messages"),
}
# What a contact may stand out by: words, model and column whose value hardly anybody else has, and the cubes
# that count it.
OUTLIERS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "is there: only contact of a country": (
        "slice_month_messages", "contact_country", ("cube_countries_monthly", "cube_tariffs_monthly")
    ),
    "is there: only speaker of a language": (
        "slice_month_messages", "contact_language", ("cube_languages_monthly",)
    ),
    "is there: only one of a quarter": (
        "slice_month_messages", "first_contact_quarter", ("cube_cohorts_monthly",)
    ),
    "is there: reads when nobody else does": (
        "slice_month_messages", "read_hour", ("cube_response_hours_monthly",)
    ),
    "is there: only one to click a link": ("slice_clicks", "link_key", ("cube_clicks_daily",)),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Inferred:
    """The success of an attacker in the worlds of one workspace.

    Attributes:
        contacts: Of the workspace.
        worlds: Drawn.
    """

    attacker: str
    secret: str
    contacts: int
    worlds: int
    advantage: Advantage

    @property
    def is_membership(self) -> bool:
        """Return whether it is about a contact's rows being there; else about what the contact did."""
        return self.secret == WRITTEN_TO or self.secret in OUTLIERS


def infer(
    base: Base,
    cubes: Mapping[str, Cube],
    *,
    tmp: Path,
    models: ModelSql,
    seed: int = 1,
    weakening: Weakening = NONE,
) -> Iterator[Inferred]:
    """Play all games on worlds drawn from one workspace's rows.

    Args:
        tmp: Where rows spill, encrypted, that do not fit into memory.
        weakening: What the build leaves out.
    """
    rows = max(sum(map(len, base.rows.values())), base.contacts)
    worlds = min(MOST_WORLDS, max(MOST_ROWS // max(rows, 1), FEWEST_WORLDS))
    random = np.random.default_rng(seed)
    outliers = {kind: outliers_of(base, model, column) for kind, (model, column, _) in OUTLIERS.items()}
    standing_out = np.unique(np.concatenate(list(outliers.values())))
    ordinary = np.setdiff1d(np.arange(base.contacts), standing_out)
    if not len(ordinary):
        return
    known = random.permutation(ordinary)[: min(TARGETS, len(ordinary) // 2)]
    targets = np.concatenate([known, standing_out])
    # Nobody else has the rows of an outlier, or it would be none.
    donors = random.choice(ordinary, (worlds, base.contacts))
    own = np.zeros(donors.shape, dtype=bool)
    own[:, targets] = random.integers(0, 2, (worlds, len(targets))).astype(bool)
    donors = np.where(own, np.arange(base.contacts), donors)
    published = _publish(base, cubes, donors, tmp=tmp, models=models, seed=seed + 1, weakening=weakening)

    def found(attacker: str, secret: str, advantage: Advantage) -> Inferred:
        return Inferred(attacker, secret, base.contacts, worlds, advantage)

    def traced(chosen: np.ndarray, features: np.ndarray) -> Advantage:
        copies = np.stack([(donors == target).sum(axis=1) for target in chosen], axis=1)
        return membership_by_stranger(features, own[:, chosen], copies, seed=seed)

    for kind, chosen in outliers.items():
        if len(chosen):
            shown = pl.concat(published[cube] for cube in OUTLIERS[kind][2])
            yield found(STRANGER, kind, traced(chosen, features_of(shown, worlds=worlds)))
    features = features_of(pl.concat(published.values()), worlds=worlds)
    drawn = donors[:, np.setdiff1d(ordinary, known)]
    rank, multiple = (
        ({**models.variables, **weakening.variables})[v] for v in ("bounding_rank", "rounding_base")
    )
    for name, truth, cells in _secrets(base, donors, drawn, published, bounding_rank=rank):
        yield found(STRANGER, name, attribute_by_stranger(features, truth, seed=seed))
        insider = attribute_by_insider(cells, truth, base=multiple, seed=seed)
        yield found(INSIDER, name, insider)
    if len(known):
        yield found(STRANGER, TRACED, traced(known, features))


def _secrets(
    base: Base,
    donors: np.ndarray,
    drawn: np.ndarray,
    published: Mapping[str, pl.DataFrame],
    *,
    bounding_rank: int,
) -> Iterator[tuple[str, np.ndarray, list[KnownCell]]]:
    """Yield each secret that holds for some: of whom in which world, and what the insider sees of it."""
    for name, secret in SECRETS.items():
        daily, monthly = (_adds(base, model, secret) for model in ("slice_messages", "slice_month_messages"))
        truth = (daily > 0)[drawn]
        if 0 < truth.mean() < 1:
            yield (
                name,
                truth,
                [
                    _known_cell(published[cube], secret.measure, adds[donors], rank=bounding_rank)
                    for cube, adds in ((FUNNEL, daily), (MONTH, monthly))
                ],
            )


def _publish(
    base: Base,
    cubes: Mapping[str, Cube],
    donors: np.ndarray,
    *,
    tmp: Path,
    models: ModelSql,
    seed: int,
    weakening: Weakening,
) -> dict[str, pl.DataFrame]:
    keys = draw_keys(donors.shape, seed=seed)
    chosen = attackable(cubes, base.rows)
    step = max(ROWS_AT_ONCE // max(sum(map(len, base.rows.values())), base.contacts, 1), 1)
    parts: dict[str, list[pl.DataFrame]] = {name: [] for name in chosen}
    for first in range(0, len(donors), step):
        some = slice(first, first + step)
        # A database of its own each time: memory of replaced tables is not all given back.
        with closing(connect(tmp=tmp, memory_limit="2GB")) as connection:
            worlds = Worlds(connection, base, donors[some], keys=keys[some], models=models)
            for name, cube in chosen.items():
                cells = worlds.publish(cube, weakening=weakening)
                parts[name].append(cells.with_columns(pl.col("world") + first))
    return {name: pl.concat(frames) for name, frames in parts.items()}


def outliers_of(base: Base, model: str, column: str) -> np.ndarray:
    """Return contacts with a value that hardly anybody else has, in order; at most 8."""
    found = (
        base.rows[model]
        .drop_nulls(column)
        .filter(pl.col("contact").n_unique().over(column) <= _FEW_OTHERS)["contact"]
        .unique()
        .sort()
        .head(MOST_OUTLIERS)
    )
    return found.to_numpy().astype(np.int64)


def _adds(base: Base, model: str, secret: Secret) -> np.ndarray:
    """Return what each contact adds to the measure of a secret."""
    adds = np.zeros(base.contacts, dtype=np.int64)
    counted = base.rows[model].filter(secret.condition).group_by("contact").len()
    adds[counted["contact"].to_numpy()] = counted["len"].to_numpy()
    return np.minimum(adds, 1) if secret.measure.endswith("_contacts") else adds


def _known_cell(published: pl.DataFrame, measure: str, adds: np.ndarray, *, rank: int) -> KnownCell:
    """Return the cell of the workspace as a whole: what is published of it, and what its people add.

    Args:
        published: Of a cube without a dimension.
        adds: Worlds x contacts.
        rank: Nobody counts for more than this most active contact.
    """
    most_active = np.sort(adds, axis=1)[:, -rank:]
    bound = np.where(most_active > 0, most_active, adds.max(initial=1)).min(axis=1)
    cell = published.filter((pl.col("measure") == measure) & (pl.col("level") == Level.WORKSPACE))
    shown = np.zeros(len(adds))
    shown[cell["world"].to_numpy()] = cell["number"].cast(pl.Float64).to_numpy()
    return KnownCell(shown, (adds > 0).sum(axis=1), np.minimum(adds, bound[:, np.newaxis]).sum(axis=1), bound)
