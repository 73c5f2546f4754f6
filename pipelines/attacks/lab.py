"""The laboratory: attacks on worlds drawn from a workspace's rows, whose truth is known."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.attacks.inference import (
    Advantage,
    KnownCell,
    attribute_by_insider,
    attribute_by_stranger,
    features_of,
    membership_by_stranger,
)
from pipelines.attacks.worlds import NONE, Base, Weakening, Worlds, attackable
from pipelines.cube import TOTAL, Cube
from warehouse.connection import connect

MOST_WORLDS = 2_000
# Rows laid out at once, so that memory does not grow with the workspace.
MOST_ROWS = 4_000_000
TARGETS = 50
MOST_OUTLIERS = 20
# A contact stands out by a value that so few others have.
_FEW_OTHERS = 2
_STANDING_OUT = (
    "contact_country", "contact_language", "first_contact_quarter", "read_hour", "click_hour", "reply_hour",
)

STRANGER, INSIDER = "stranger", "insider"
MEMBERSHIP, OUTLIER = "has rows like these", "has rows like these, which stand out"
# What one may want to know of a contact and a day, and the measure that counts it.
SECRETS: Mapping[str, tuple[pl.Expr, str]] = {
    "was written to": (pl.lit(value=True), "audience_contacts"),
    "read": (pl.col("is_read"), "read_messages"),
    "clicked": (pl.col("is_clicked"), "clicked_messages"),
    "replied": (pl.col("is_replied_72h"), "replied_72h_messages"),
    "opted out": (pl.col("is_opted_out"), "opted_out_messages"),
}
_FUNNEL = "cube_campaign_daily"


@dataclass(frozen=True, slots=True)
class Inferred:
    """What an attacker achieved in the worlds of one workspace."""

    attacker: str
    secret: str
    contacts: int
    advantage: Advantage


def infer(
    base: Base, cubes: Mapping[str, Cube], *, tmp: Path, seed: int = 1, weakening: Weakening = NONE
) -> Iterator[Inferred]:
    """Play all games on worlds drawn from one workspace's rows.

    Args:
        tmp: Where rows spill, encrypted, that do not fit into memory.
        weakening: What the build leaves out.
    """
    rows = max(sum(map(len, base.rows.values())), base.contacts)
    worlds = min(MOST_WORLDS, max(MOST_ROWS // max(rows, 1), 50))
    random = np.random.default_rng(seed)
    outliers = outliers_of(base)
    ordinary = np.setdiff1d(np.arange(base.contacts), outliers)
    known = random.permutation(ordinary)[: min(TARGETS, len(ordinary) // 2)]
    targets = np.concatenate([known, outliers])
    # Nobody else has the rows of an outlier, or it would be none.
    donors = random.choice(ordinary, (worlds, base.contacts))
    own = random.integers(0, 2, (worlds, len(targets))).astype(bool)
    donors[:, targets] = np.where(own, targets, donors[:, targets])
    copies = np.stack([(donors == target).sum(axis=1) for target in targets], axis=1)
    with closing(connect(tmp=tmp, memory_limit="2GB")) as connection:
        laid_out = Worlds(connection, base, donors, seed=seed + 1)
        published = [
            laid_out.publish(cube, weakening=weakening) for cube in attackable(cubes, base.rows).values()
        ]
    features = features_of(pl.concat(published), worlds=worlds)
    for secret, chosen in ((MEMBERSHIP, slice(0, len(known))), (OUTLIER, slice(len(known), None))):
        if own[:, chosen].shape[1]:
            found = membership_by_stranger(features, own[:, chosen], copies[:, chosen], seed=seed)
            yield Inferred(STRANGER, secret, base.contacts, found)
    others = np.setdiff1d(ordinary, known)
    funnel = next(p for p in published if str(p["cell"][0]).startswith(_FUNNEL)) if published else None
    for secret, (condition, measure) in SECRETS.items():
        adds = _contributions(base, condition)
        truth = (adds > 0)[donors[:, others]]
        if not 0 < truth.mean() < 1:
            continue
        yield Inferred(STRANGER, secret, base.contacts, attribute_by_stranger(features, truth, seed=seed))
        counted = np.minimum(adds, 1) if measure == "audience_contacts" else adds
        cells = [_known_cell(funnel, measure, counted[donors])] if funnel is not None else []
        insider = attribute_by_insider(cells, truth, k=cubes[_FUNNEL].minimum_units, seed=seed)
        yield Inferred(INSIDER, secret, base.contacts, insider)


def outliers_of(base: Base) -> np.ndarray:
    """Contacts who stand out: by a country, a language, an hour that hardly anybody else has; at most 20."""
    rows = base.rows["slice_month_messages"]
    found = [
        rows.drop_nulls(column)
        .filter(pl.col("contact").n_unique().over(column) <= _FEW_OTHERS)["contact"]
        .unique(maintain_order=True)
        .head(MOST_OUTLIERS // 4)
        for column in _STANDING_OUT
        if column in rows.columns
    ]
    return pl.concat(found).unique().sort().head(MOST_OUTLIERS).to_numpy() if found else np.array([], dtype=int)


def _contributions(base: Base, condition: pl.Expr) -> np.ndarray:
    """How many messages of the day each contact adds."""
    adds = np.zeros(base.contacts, dtype=np.int64)
    counted = base.rows["slice_messages"].filter(condition).group_by("contact").len()
    adds[counted["contact"].to_numpy()] = counted["len"].to_numpy()
    return adds


def _known_cell(published: pl.DataFrame, measure: str, adds: np.ndarray) -> KnownCell:
    """The cell of the workspace as a whole: what is published of it, and what its people add."""
    cell = published.filter(
        (pl.col("measure") == measure)
        & pl.col("cell").str.starts_with(f"{_FUNNEL}|workspace|")
        & pl.col("cell").str.ends_with(f"|{TOTAL}")
    )
    shown, flag = np.full(len(adds), np.nan), np.full(len(adds), "<k", dtype=object)
    places = cell["world"].to_numpy()
    shown[places] = cell["number"].cast(pl.Float64).to_numpy()
    flag[places] = cell["flag"].fill_null("").to_numpy()
    return KnownCell(shown, flag, (adds > 0).sum(axis=1), adds.sum(axis=1), adds.max(axis=1))
