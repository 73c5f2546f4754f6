"""Releasing: new slices are attacked, recorded and published; what was released before is left as it is."""

from pipelines.attacks.finding import Finding
from pipelines.attacks.suite import attack, coarsen_slices
from pipelines.cube import load_cubes
from pipelines.errors import PipelineError
from pipelines.marts import EMPTY_DAY, OVER_CUBES, build
from pipelines.runtime import Runtime
from warehouse.errors import UnsoundMartsError
from warehouse.publish import Published, publish
from warehouse.releases import Slice, release, slices_in, unreleased
from warehouse.session import open_session

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


def release_and_publish(runtime: Runtime) -> Published:
    """Attack every slice that is not released yet, record it, and replace the published copy.

    What an attack finds is taken back before anything is released: the measure of that slice is coded, or
    the slice withheld, and the marts are built again.

    Raises:
        ThawedSliceError: A released slice is not what it was; nothing is published.
        AttackedError: An attack succeeds however much is taken back.
        UnsoundMartsError: The last build did not pass its tests.
        LockedError: Somebody is building at this moment.
    """
    if unsound := runtime.ledger.unsound_marts():
        raise UnsoundMartsError(sorted(unsound))
    waiting, findings = _attacked(runtime)
    rounds = 0
    while findings:
        if rounds == MOST_ROUNDS:
            raise AttackedError(findings)
        _coarsen(runtime, findings)
        rounds += 1
        waiting, findings = _attacked(runtime)
    if rounds:
        build(runtime, from_day=EMPTY_DAY, to_day=EMPTY_DAY.min, select=OVER_CUBES)
    if waiting:
        release(runtime.ledger, waiting, why="closed")
    return publish(runtime.home, keyring=runtime.keyring)


def _attacked(runtime: Runtime) -> tuple[list[Slice], list[Finding]]:
    with open_session(runtime.home, schemas={}, read_only=True) as connection:
        waiting = unreleased(runtime.ledger, slices_in(connection))
        results = attack(connection, load_cubes(), waiting) if waiting else []
    return waiting, [finding for result in results for finding in result.findings]


def _coarsen(runtime: Runtime, findings: list[Finding]) -> None:
    with open_session(runtime.home, schemas={}) as connection:
        coarsen_slices(connection, load_cubes(), findings)
