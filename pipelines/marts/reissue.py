"""Reissue released slices: build them again on purpose and publish the result as a new revision.

For data that was published wrong, or of which much came late. Every reissue is recorded with its reason. Two
revisions are two answers about nearly the same people. So a row keeps its numbers unless one of them changes
by at least k, and both revisions are attacked together before the new one is published.
"""

from dataclasses import dataclass
from datetime import date

from pipelines.declarations.calendar import month_end
from pipelines.declarations.cube import load_cubes
from pipelines.declarations.declarations import Declarations
from pipelines.declarations.errors import PipelineError
from pipelines.disclosure.attacks.revisions import may_change, row_that_stays
from pipelines.marts.build import build
from pipelines.marts.frozen import FrozenSliceError, frozen_slices
from pipelines.marts.release import release_and_publish
from warehouse.progress import Progress, silent
from warehouse.publishing.publish import Published
from warehouse.publishing.releases import Key, changed_after_release, released
from warehouse.publishing.revisions import keep, revisions_in_force, take_back
from warehouse.store.session import open_session
from warehouse.store.store import Store

# Each revision is one more answer about nearly the same people.
MOST_REVISIONS = 3


class ReissueError(PipelineError):
    """A released slice cannot be reissued."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} Nothing was changed.")


@dataclass(frozen=True, slots=True)
class Reissued:
    """The result of a reissue.

    Attributes:
        slices: How many slices were built again, of days and of months that end among them.
        changed: How many of them have a new revision.
        rows_kept: Rows that kept their published numbers, because they would have changed by less than k.
    """

    slices: int
    changed: int
    rows_kept: int
    published: Published


def reissuable(declarations: Declarations, store: Store, *, first: date, last: date) -> list[Key]:
    """List the released slices of the days from ``first`` to ``last`` and of months that end among them.

    Raises:
        FrozenSliceError: Rows that a slice needs were deleted.
        ReissueError: There is no such slice, or one has as many revisions as it may have.
    """
    ends = month_end(first) <= last
    frozen = frozen_slices(declarations, store, first=first.replace(day=1) if ends else first, last=last)
    if lost := [each for each in frozen if not each.is_whole]:
        raise FrozenSliceError(lost)
    found = sorted(
        (cube, period)
        for cube, period in released(store.ledger)
        if (first <= period <= last if cube.endswith("_daily") else first <= month_end(period) <= last)
    )
    if not found:
        raise ReissueError("None of these days is released: `wasms run` builds them.")
    revisions = revisions_in_force(store.ledger)
    if full := [(cube, period) for cube, period in found if revisions[cube, period] >= MOST_REVISIONS]:
        cube, period = full[0]
        raise ReissueError(
            f"cubes.{cube}, {period}: it has {MOST_REVISIONS} revisions, the most a slice may have."
        )
    return found


def reissue(
    declarations: Declarations,
    store: Store,
    *,
    first: date,
    last: date,
    why: str,
    progress: Progress = silent,
) -> Reissued:
    """Build released slices again, attack the old and the new revision together, and publish.

    After a crash nothing is published until this has run to its end: call it again with the same days.

    Args:
        first, last: Days to build again, both inclusive.
        why: The reason. It is recorded for good, so it must not name anybody.

    Raises:
        FrozenSliceError: Rows that a slice needs were deleted; nothing was changed.
        ReissueError: There is nothing to reissue; nothing was changed.
        ChangedAfterReleaseError: A slice had changed after its release; nothing was changed.
        MartsError: A model or test failed; nothing is published.
    """
    slices = reissuable(declarations, store, first=first, last=last)
    with open_session(store.home, schemas={}) as connection:
        keep(store.ledger, connection, slices)
    store.engine.release()
    build(declarations, store, from_day=first, to_day=last, progress=progress, is_reissue=True)
    with open_session(store.home, schemas={}) as connection:
        kept = 0
        cubes = load_cubes()
        for name, cube in cubes.items():
            periods = [period for each, period in slices if each == name]
            if periods:
                kept += take_back(
                    connection,
                    name,
                    periods,
                    keys=cube.keys,
                    changed=may_change(cube),
                    row=row_that_stays(cube),
                )
        changed = changed_after_release(store.ledger, connection, slices)
    result = release_and_publish(store, reissued=changed, why=why)
    return Reissued(len(slices), len(changed), kept, result.published)
