"""Renewing a release: slices are built again on purpose, as a new line beside the one that was published.

For when what was published is wrong, or too much came late. The override is explicit and stays on record with
its reason. Two lines are two answers about nearly the same people, so a row stays what it was unless a number
in it changes by at least k, and both lines are attacked together before the new one is published.
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

# Each line is one more answer about nearly the same people.
MOST_LINES = 3


class RenewalError(PipelineError):
    """A release cannot be renewed."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} Nothing was changed.")


@dataclass(frozen=True, slots=True)
class Renewal:
    """What renewing did.

    Attributes:
        slices: Slices that were built again, of days and of months that end among them.
        changed: Of them, those that are another line now.
        rows_kept: Rows that stayed what they were, because they would have changed by too little.
    """

    slices: int
    changed: int
    rows_kept: int
    published: Published


def renewable(declarations: Declarations, store: Store, *, first: date, last: date) -> list[Key]:
    """Released slices of the days from ``first`` to ``last`` and of months that end among them, in order.

    Raises:
        FrozenSliceError: Rows that a slice needs were deleted.
        RenewalError: There is none, or one was renewed too often.
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
        raise RenewalError("None of these days is released: `wasms run` builds them.")
    lines = revisions_in_force(store.ledger)
    if worn := [(cube, period) for cube, period in found if lines[cube, period] >= MOST_LINES]:
        cube, period = worn[0]
        raise RenewalError(f"cubes.{cube}, {period}: there are {MOST_LINES} lines of it, as many as may be.")
    return found


def renew_release(
    declarations: Declarations,
    store: Store,
    *,
    first: date,
    last: date,
    why: str,
    progress: Progress = silent,
) -> Renewal:
    """Build released slices again, attack old and new together, and publish.

    After a crash nothing is published until this ends: call it again with the same days.

    Args:
        why: The reason, which stays on record; it must not name anybody.

    Raises:
        FrozenSliceError: Rows that a slice needs were deleted; nothing was changed.
        RenewalError: There is nothing to renew; nothing was changed.
        ChangedAfterReleaseError: A slice was not what was released before; nothing was changed.
        MartsError: A model or test failed; nothing is published.
    """
    slices = renewable(declarations, store, first=first, last=last)
    with open_session(store.home, schemas={}) as connection:
        keep(store.ledger, connection, slices)
    store.engine.release()
    build(declarations, store, from_day=first, to_day=last, progress=progress, is_renewal=True)
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
    result = release_and_publish(store, renewed=changed, why=why)
    return Renewal(len(slices), len(changed), kept, result.published)
