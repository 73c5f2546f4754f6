"""Releasing: new slices are attacked, recorded and published; what was released before is left as it is."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from pipelines.declarations.cube import load_cubes
from pipelines.declarations.errors import PipelineError
from pipelines.disclosure.attacks.finding import Attacked, Finding
from pipelines.disclosure.attacks.suite import attack, coarsen_slices
from pipelines.marts.build import OVER_CUBES, build_marts
from warehouse.errors import UnsoundMartsError
from warehouse.publishing.publish import Published, publish, published_before
from warehouse.publishing.releases import Key, Slice, release, rows_in, slices_in, unreleased
from warehouse.store.session import open_session
from warehouse.store.store import Store

# Each time something is taken back; a slice that is left without rows cannot fail.
MOST_ROUNDS = 5


class AttackedError(PipelineError):
    """Slices give something away however much is taken back."""

    def __init__(self, findings: list[Finding]) -> None:
        first = findings[0]
        super().__init__(
            f"{first.cube}, {first.period}: {first.attack}: {first.column}: {first.problem}. "
            "Nothing was published, the last copy stays. Please report this defect."
        )


@dataclass(frozen=True, slots=True)
class Released:
    """What was published, and the attacks that everything new in it withstood.

    Attributes:
        days: First and last day of the new slices, where a new month is among them; else None.
        rounds: How often something was taken back before it did.
    """

    published: Published
    attacks: tuple[Attacked, ...]
    days: tuple[date, date] | None
    rounds: int


def release_and_publish(store: Store, *, renewed: Collection[Key] = (), why: str = "") -> Released:
    """Attack every slice that is not released yet, record it, and replace the published copy.

    What an attack finds is taken back before anything is released: the measure of that slice is coded, or
    the slice withheld, and the marts are built again.

    Args:
        renewed: Slices that are a new line of what was released (`pipelines/marts/reissue.py`), and why.

    Raises:
        ThawedSliceError: A released slice is not what it was; nothing is published.
        AttackedError: An attack succeeds however much is taken back.
        UnsoundMartsError: The last build did not pass its tests.
        LockedError: Somebody is building at this moment.
    """
    if unsound := store.ledger.unsound_marts():
        raise UnsoundMartsError(sorted(unsound))
    if (present := published_before(store.home)) is not None:
        return Released(present, attacks=(), days=None, rounds=0)
    waiting, attacks = _attacked(store, renewed)
    rounds = 0
    while findings := [finding for each in attacks for finding in each.findings]:
        if rounds == MOST_ROUNDS:
            raise AttackedError(findings)
        _coarsen(store, findings)
        rounds += 1
        waiting, attacks = _attacked(store, renewed)
    if rounds:
        build_marts(store, select=OVER_CUBES)
    lines = [each for each in waiting if (each.cube, each.period) in renewed]
    release(store.ledger, lines, why=why)
    release(store.ledger, [each for each in waiting if each not in lines], why="closed")
    published = publish(store.home, keyring=store.keyring)
    days = [each.period for each in waiting if each.cube.endswith("_daily")]
    has_month = any(each.cube.endswith("_monthly") for each in waiting)
    return Released(
        published,
        tuple(attacks),
        days=(min(days), max(days)) if days and has_month else None,
        rounds=rounds,
    )


def _attacked(store: Store, renewed: Collection[Key]) -> tuple[list[Slice], list[Attacked]]:
    with open_session(store.home, schemas={}, read_only=True) as connection:
        waiting = unreleased(store.ledger, rows_in(connection), renewed=renewed)
        return slices_in(connection, waiting), attack(connection, load_cubes(), waiting)


def _coarsen(store: Store, findings: list[Finding]) -> None:
    with open_session(store.home, schemas={}) as connection:
        coarsen_slices(connection, load_cubes(), findings)
