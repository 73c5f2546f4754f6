"""Read the declarations of cubes, the one place where each anonymous table is declared.

A cube counts people and messages in the nodes of a *spine*, the one hierarchy that all cubes of a privacy
unit share, and splits each node by at most one free dimension (a *star*). What breaks that rule would give
small groups back by subtraction, so it does not load.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache, partial
from importlib.resources import files
from types import MappingProxyType
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from pipelines.declarations import strict_yaml
from pipelines.declarations.disclosure import load_disclosure
from pipelines.declarations.errors import CubeError
from pipelines.declarations.kept_documents import kept_documents
from pipelines.declarations.strict_yaml import Strict

TOTAL = "all"
REST = "other"


class Unit(StrEnum):
    """Whose presence in a cell must not show."""

    CONTACT = "contact"
    MEMBER = "member"
    EVENT = "event"


class Period(StrEnum):
    """The time that a slice covers; a slice is published once, as a whole."""

    DAY = "day"
    MONTH = "month"

    @property
    def column(self) -> str:
        """Return the name of its column in every cube."""
        return "send_date" if self is Period.DAY else "month"


class Level(StrEnum):
    """A level of a spine, coarse to fine; each is split into the next."""

    PLATFORM = "platform"
    WORKSPACE = "workspace"
    CHANNEL = "channel"
    MESSAGE_CATEGORY = "message_category"
    TEMPLATE = "template"
    CAMPAIGN = "campaign"

    @property
    def column(self) -> str:
        """Return the column that names its nodes."""
        return f"{self}_key" if self in (Level.WORKSPACE, Level.TEMPLATE, Level.CAMPAIGN) else str(self)


class Spine(BaseModel):
    """A hierarchy rolled up once per slice; its groups are frozen with the slice."""

    model_config = ConfigDict(frozen=True)

    unit: Unit
    period: Period
    leaves: str | None
    keys: tuple[str, ...]
    levels: tuple[Level, ...]

    def path(self, level: Level) -> tuple[str, ...]:
        """Return the columns that name a node of a level."""
        return tuple(each.column for each in self.levels[1 : self.levels.index(level) + 1])


CONTACT_DAY = Spine(
    unit=Unit.CONTACT,
    period=Period.DAY,
    leaves="slice_leaves",
    keys=("workspace_id", "campaign_ref"),
    levels=tuple(Level),
)
CONTACT_MONTH = Spine(
    unit=Unit.CONTACT,
    period=Period.MONTH,
    leaves="slice_month_leaves",
    keys=("workspace_id",),
    levels=(Level.PLATFORM, Level.WORKSPACE),
)
MEMBER_MONTH = Spine(unit=Unit.MEMBER, period=Period.MONTH, leaves=None, keys=(), levels=(Level.PLATFORM,))
EVENT_MONTH = Spine(unit=Unit.EVENT, period=Period.MONTH, leaves=None, keys=(), levels=(Level.PLATFORM,))

# What can be counted: a model of the slice, held in memory only, and the spine its rows hang on.
FACTS = MappingProxyType(
    {
        "slice_messages": CONTACT_DAY,
        "slice_clicks": CONTACT_DAY,
        "slice_conversions": CONTACT_DAY,
        "slice_month_messages": CONTACT_MONTH,
        "slice_month_contacts": CONTACT_MONTH,
        "slice_month_conversions": CONTACT_MONTH,
        "slice_month_responses": CONTACT_MONTH,
        "slice_month_inbound": CONTACT_MONTH,
        "slice_month_first_responses": CONTACT_MONTH,
        "slice_month_opt_outs": CONTACT_MONTH,
        "slice_month_list_changes": CONTACT_MONTH,
        "slice_month_late": CONTACT_MONTH,
        "slice_month_usage": MEMBER_MONTH,
        "slice_month_errors": EVENT_MONTH,
    }
)


class Dimension(Strict):
    """A column that splits each node of the spine once more.

    ``values`` closes it: every value is listed in every node, so that a row's being there says nothing.
    Without it the values are open: those of too few people join `other`.
    ``is_static`` says that it describes the contact and hardly changes (country, language): only per
    workspace and month, or it would tie the slices of one person together.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    sql: str
    description: str = Field(min_length=1)
    values: tuple[str, ...] = ()
    is_static: bool = False

    @field_validator("values")
    @classmethod
    def _are_not_ours(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        if {TOTAL, REST} & set(values) or len(set(values)) != len(values):
            raise ValueError(f"repeat a value, or name `{TOTAL}` or `{REST}`, which are the cube's own")
        return values


class Measure(Strict):
    """A number that is counted in each cell.

    Exactly one of ``units`` (distinct contacts or members of the rows that fit), ``rows`` (rows that fit) and
    ``sum`` (a number per row) says what. ``units`` and ``rows`` are a condition, or a list of parts (`Part`)
    that a row lies in one of: what is published is the sum of the parts' rounded numbers, so that measures
    that share parts fit together. ``at_most`` is a measure of the same cell that this one never exceeds.
    ``is_personal`` says of a sum that what a row adds tells of its person, like the price of a purchase: the
    step it is rounded to, which a published number gives away, is then not what somebody adds. ``counted_by``
    is a measure of the same cell that counts what a sum adds up: beside some of it, a sum of 0 was rounded
    down and is not known.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    description: str = Field(min_length=1)
    units: str | tuple[str, ...] | None = None
    rows: str | tuple[str, ...] | None = None
    sum: str | None = None
    at_most: str | None = None
    is_personal: bool = False
    counted_by: str | None = None

    @model_validator(mode="after")
    def _counts_one_thing(self) -> Self:
        if sum(each is not None for each in (self.units, self.rows, self.sum)) != 1:
            raise ValueError("give one of `units`, `rows` and `sum`")
        if strange := [name for name in self.parts if name not in parts_of_facts()]:
            raise ValueError(f"{', '.join(strange)}: no such part in pipelines/measures.yml")
        return self

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the parts it is the sum of; none where it is counted by itself."""
        counted = self.rows if self.units is None else self.units
        return counted if isinstance(counted, tuple) else ()

    @property
    def condition(self) -> str:
        """Return SQL for whether a row counts; true for sums."""
        return _any_of(self.parts) if self.parts else str(self.rows or self.units or "true")

    @property
    def contribution(self) -> str:
        """Return SQL for what one row adds."""
        return f"coalesce({self.sum}, 0)" if self.sum is not None else _one_where(self.condition)


class Piece(BaseModel):
    """A number that is rounded by itself: a measure, or a part of several.

    Attributes:
        name: Of the measure, or of the part; parts that no measure of a cube tells apart are one piece.
        sql: What one row adds.
        is_units: Whether people are counted, not rows.
        is_sum: Whether rows add numbers of any size, such as amounts.
        is_personal: Whether the size of such a number tells of its person.
        unless: Pieces that a person counts in instead, wherever they are in both: their best outcome.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    sql: str
    is_units: bool
    is_sum: bool = False
    is_personal: bool = False
    unless: tuple[str, ...] = ()


def _any_of(parts: Sequence[str]) -> str:
    conditions = [parts_of_facts()[name] for name in parts]
    return conditions[0] if len(conditions) == 1 else " or ".join(f"({each})" for each in conditions)


def _one_where(condition: str) -> str:
    return f"case when {condition} then 1 else 0 end"


class _Shared(Strict):
    """The content of `measures.yml`."""

    parts: Mapping[str, str]
    measures: tuple[object, ...]


@cache
def _shared() -> _Shared:
    failure = partial(CubeError, "measures")
    texts = {"measures": (files("pipelines") / "measures.yml").read_bytes()}
    documents = kept_documents(texts, kept_as="measures", failure=lambda _: failure)
    return strict_yaml.validate(documents["measures"], _Shared, failure=failure)


def parts_of_facts() -> Mapping[str, str]:
    """Return part → condition; of those that one measure sums up, a row meets one at most.

    Raises:
        CubeError: `measures.yml` is not valid; says where.
    """
    return _shared().parts


@cache
def shared_measures() -> Mapping[str, Measure]:
    """Read the measures that several cubes count, by name; a cube names them in place of a declaration.

    Raises:
        CubeError: `measures.yml` is not valid; says where.
    """
    listed = strict_yaml.validate(
        list(_shared().measures), list[Measure], failure=partial(CubeError, "measures")
    )
    return MappingProxyType({measure.name: measure for measure in listed})


class Mart(Strict):
    """A table for readers: the rows of one level, with names beside the keys.

    ``per`` adds up days, of each week or month that is over or of all (`life`), without numbers of people,
    which have no sum. A row of `life` is one of the level's own key; the columns of levels between say what
    its days have in common.
    """

    name: str = Field(pattern=r"^mart_[a-z0-9_]+$")
    description: str = Field(min_length=1)
    level: Level
    per: Literal["week", "month", "life"] | None = None


class Cube(Strict):
    """One anonymous table: which facts, at which nodes of their spine, split how, counting what.

    ``minimum_units`` is the policy's threshold, which a cube may raise for itself.
    """

    cube: str = Field(pattern=r"^cube_[a-z0-9_]+_(daily|monthly)$")
    description: str = Field(min_length=1)
    facts: str
    levels: tuple[Level, ...] = Field(min_length=1)
    dimension: Dimension | None = None
    measures: tuple[Measure, ...] = Field(min_length=1)
    minimum_units: int = Field(default=0, validate_default=True)
    marts: tuple[Mart, ...] = ()

    @field_validator("dimension", mode="before")
    @classmethod
    def _is_one(cls, dimension: object) -> object:
        if isinstance(dimension, list):
            raise ValueError(  # noqa: TRY004 (pydantic reports ValueError)
                "two free dimensions: small cells could be computed from their totals by subtraction. "
                "Declare a cube for each"
            )
        return dimension

    @field_validator("measures", mode="before")
    @classmethod
    def _may_be_named(cls, measures: object) -> object:
        if not isinstance(measures, list):
            return measures
        known = shared_measures()
        if strange := [each for each in measures if isinstance(each, str) and each not in known]:
            raise ValueError(
                f"{', '.join(strange)}: not in pipelines/measures.yml; declare it there, or here"
            )
        return [known[each] if isinstance(each, str) else each for each in measures]

    @field_validator("facts")
    @classmethod
    def _are_known(cls, facts: str) -> str:
        if facts not in FACTS:
            raise ValueError(f"not facts of a slice; known: {', '.join(FACTS)}")
        return facts

    @field_validator("minimum_units")
    @classmethod
    def _is_not_below_the_policys(cls, own: int, info: ValidationInfo) -> int:
        k: int = (info.context or {})["minimum_units"]
        if own and own < k:
            raise ValueError(f"give one greater than or equal to {k}, which the policy declares, or none")
        return own or k

    @model_validator(mode="after")
    def _hangs_on_its_spine(self) -> Self:
        spine = FACTS[self.facts]
        if strange := [str(level) for level in self.levels if level not in spine.levels]:
            raise ValueError(
                f"{', '.join(strange)} is not a level of the spine of {self.facts}. Small groups could be "
                f"computed by subtraction from a second hierarchy. Its levels: {', '.join(spine.levels)}"
            )
        if not self.cube.endswith("_daily" if spine.period is Period.DAY else "_monthly"):
            raise ValueError(
                f"{self.facts} has rows by {spine.period}: a cube's name ends in _daily or _monthly"
            )
        if self.dimension is not None and self.dimension.is_static and spine.period is Period.DAY:
            raise ValueError(
                f"{self.dimension.name} describes the contact and hardly changes, so it could tell slices "
                "of the same people apart. Use it only per workspace and month"
            )
        return self

    @model_validator(mode="after")
    def _measures_fit_together(self) -> Self:
        names = [measure.name for measure in self.measures]
        if repeated := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"{', '.join(sorted(repeated))} is counted twice")
        for place, measure in enumerate(self.measures):
            if measure.at_most is not None and measure.at_most not in names[:place]:
                raise ValueError(f"`at_most` of {measure.name} must be a measure declared before it")
            if measure.counted_by is not None and measure.counted_by not in names:
                raise ValueError(f"`counted_by` of {measure.name} must be a measure of the cube")
        return self

    @property
    def spine(self) -> Spine:
        """Return the hierarchy that its rows belong to."""
        return FACTS[self.facts]

    @property
    def path(self) -> tuple[str, ...]:
        """Return the columns that name a node of its finest level."""
        return max((self.spine.path(level) for level in self.levels), key=len)

    @property
    def pieces(self) -> Mapping[Piece, tuple[str, ...]]:
        """Return what is rounded by itself, in order, each with the measures that it is summed up in."""
        found: dict[Piece, tuple[str, ...]] = {}
        for is_units in (True, False):
            counted = [m for m in self.measures if (m.units is not None) is is_units]
            parts = dict.fromkeys(part for measure in counted for part in measure.parts)
            together: dict[tuple[str, ...], list[str]] = {}
            for part in parts:
                together.setdefault(tuple(m.name for m in counted if part in m.parts), []).append(part)
            before: list[str] = []
            for measures, names in together.items():
                piece = Piece(
                    name="_or_".join(names),
                    sql=_one_where(_any_of(names)),
                    is_units=is_units,
                    unless=tuple(before) if is_units else (),
                )
                found[piece] = measures
                before.append(piece.name)
            for measure in counted:
                if not measure.parts:
                    piece = Piece(
                        name=measure.name,
                        sql=measure.contribution,
                        is_units=is_units,
                        is_sum=measure.sum is not None,
                        is_personal=measure.is_personal,
                    )
                    found[piece] = (measure.name,)
        return MappingProxyType(found)

    @property
    def sums(self) -> Mapping[str, tuple[str, ...]]:
        """Return measure → names of the pieces that it sums up, both in order."""
        pieces = self.pieces
        return {
            measure.name: tuple(piece.name for piece, sums in pieces.items() if measure.name in sums)
            for measure in self.measures
        }

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the columns that name a cell, in order."""
        dimension = (self.dimension.name,) if self.dimension else ()
        return (self.spine.period.column, "level", *self.path, *dimension)


def cube_of(document: object, name: str, minimum_units: int | None = None) -> Cube:
    """Check one declaration.

    Args:
        document: Content of the YAML file.
        name: File name without its suffix; must equal the cube's name.
        minimum_units: The threshold k; None = as the policy declares it.

    Raises:
        CubeError: It breaks a rule; says which and why.
    """
    k = load_disclosure().minimum_contacts if minimum_units is None else minimum_units
    cube = strict_yaml.validate(
        document, Cube, failure=partial(CubeError, name), context={"minimum_units": k}
    )
    if cube.cube != name:
        raise CubeError(name, ["cube: differs from the file name"])
    return cube


@cache
def load_cubes(minimum_units: int | None = None) -> Mapping[str, Cube]:
    """Load all cubes of the package by name, sorted.

    Args:
        minimum_units: The threshold k; None = as the policy declares it.

    Raises:
        CubeError: One of them breaks a rule.
    """
    texts = strict_yaml.contents(files("pipelines") / "cubes")
    documents = kept_documents(texts, kept_as="cubes", failure=lambda name: partial(CubeError, name))
    return MappingProxyType({name: cube_of(each, name, minimum_units) for name, each in documents.items()})
