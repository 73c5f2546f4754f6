"""Hold what every step of planning looks at, so that the steps are functions of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from warehouse.home import Home
from warehouse.ledger.ledger import Ledger
from warehouse.retention import records
from warehouse.retention.decisions import Decisions, Known, decisions_of, ended_workspaces
from warehouse.retention.plan import FileItem
from warehouse.retention.rules import DataSet, Hold, RetentionInputs, active_holds, version_at
from warehouse.store.connection import Engine


@dataclass(frozen=True, slots=True)
class Slices:
    """Say how far the cubes go: later days are not published yet.

    Attributes:
        sources: Data sets that cubes are built from.
        built_until: Newest day in the cubes; ``closed_until``: newest day that can be.
        spread_days: So many days before and after a partition's day may have messages in it.
    """

    sources: frozenset[str] = frozenset()
    built_until: date | None = None
    closed_until: date | None = None
    spread_days: int = 0

    def unbuilt(self, partition: date) -> set[date]:
        """Return the days that have messages in a partition and are not in the cubes."""
        days = {partition + timedelta(days=n) for n in range(-self.spread_days, self.spread_days + 1)}
        return {day for day in days if self.built_until is None or day > self.built_until}


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """Hold everything that a plan follows from, besides store and ledger.

    Attributes:
        data_sets: By name; every data set of the store must be among them.
        files: What is due outside the store.
        rewrites_database: Whether the warehouse file changed since it was last rewritten.
    """

    inputs: RetentionInputs
    data_sets: Mapping[str, DataSet]
    as_of: datetime
    slices: Slices = field(default_factory=Slices)
    files: Sequence[FileItem] = ()
    rewrites_database: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """Hold a request, the warehouse it is about, and what follows from both for all data sets.

    Attributes:
        holds: Active holds, in order of preference.
        ended: Workspaces whose data must be gone by now → since which day.
        decisions: By category.
        version: First day of the policy in force.
    """

    home: Home
    ledger: Ledger
    engine: Engine
    request: PlanRequest
    subject_key: bytes
    holds: Sequence[Hold]
    ended: Mapping[str, date]
    decisions: Mapping[str, Decisions]
    version: date

    def subject(self, workspace: str) -> str:
        """Return the keyed hash that stands for a workspace."""
        return records.subject(self.subject_key, workspace)


def context_of(home: Home, *, ledger: Ledger, engine: Engine, request: PlanRequest) -> Context:
    """Decide for all categories and accounts what a request asks about."""
    inputs, as_of = request.inputs, request.as_of
    key = records.subject_key(engine.keyring)
    holds = active_holds(inputs, as_of)
    ended = accounts_to_end(
        inputs, as_of=as_of, refused=records.refused(ledger), subject=lambda w: records.subject(key, w)
    )
    known = Known(
        records.applied_windows(ledger), records.horizons(ledger), records.applied_as_of(ledger), key
    )
    version = version_at(inputs, as_of)
    return Context(
        home=home,
        ledger=ledger,
        engine=engine,
        request=request,
        subject_key=key,
        holds=holds,
        ended=ended,
        decisions={
            category: decisions_of(inputs, category, ended=ended, as_of=as_of, known=known)
            for category in version.rules
        },
        version=version.effective_from,
    )


def accounts_to_end(
    inputs: RetentionInputs, *, as_of: datetime, refused: Mapping[str, date], subject: Callable[[str], str]
) -> dict[str, date]:
    """Return the workspaces whose data must be gone by now → since which day.

    A workspace that was ended earlier, but kept in part by a hold that has expired since, is among them.

    Args:
        refused: Subject of each workspace that was ended → since when.
    """
    active = {hold.name for hold in active_holds(inputs, as_of)}
    expired = {hold.workspace_id for hold in inputs.holds if hold.name not in active}
    no_longer_held = {w: refused[subject(w)] for w in expired if subject(w) in refused}
    return ended_workspaces(inputs, as_of=as_of) | no_longer_held
