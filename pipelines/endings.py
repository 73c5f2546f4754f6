"""The end of accounts in cubes, marts and the published copy."""

from collections.abc import Collection
from dataclasses import dataclass

from pipelines.errors import PipelineError
from pipelines.marts import OVER_CUBES, build_marts
from pipelines.release import release_and_publish
from pipelines.runtime import Runtime
from pipelines.surrogates import workspace_keys_of
from warehouse.errors import (
    CoarseningError,
    LockedError,
    StoreError,
    ThawedSliceError,
    UnsoundMartsError,
    WarehouseError,
)
from warehouse.publish import Published, withdraw
from warehouse.releases import renew
from warehouse.retention.databases import Rewritten, needs_rewrite, rewrite
from warehouse.retention.former import Coarsened, coarsen
from warehouse.session import open_session


@dataclass(frozen=True, slots=True)
class Ended:
    """What ending accounts did.

    Attributes:
        published: The copy as it is now; None where there is none.
        problem: Why the marts were not published and the workspaces were cut out of the last copy instead;
            None where all went well.
    """

    coarsened: Coarsened
    rewritten: Rewritten
    published: Published | None
    problem: str | None


def end_in_marts(runtime: Runtime, workspace_ids: Collection[str]) -> Ended:
    """Let workspaces leave cubes, marts, the warehouse file and the published copy, in this order.

    Their rows are out of the store and their surrogate keys are still there: the keys say which rows are
    theirs, and are destroyed afterwards. Deletion does not wait for sound marts: rows of ended workspaces
    go from the marts with those of the cubes, and if the marts cannot be built again or do not pass their
    tests, the workspaces are cut out of the last published copy.

    Each step may be repeated: after a crash, calling it again with the same workspaces ends the same.

    Raises:
        CoarseningError: A cube has a column of which nothing says what becomes of it.
        LockedError: Another process has the warehouse file; call again.
        StoreError: The file could not be changed; call again.
    """
    keys = workspace_keys_of(runtime.keyring, workspace_ids)
    try:
        coarsened = coarsen(
            runtime.home,
            keyring=runtime.keyring,
            workspace_keys=keys,
            fewest_shown=runtime.policy.disclosure.minimum_workspaces,
        )
    except (CoarseningError, StoreError):
        # What is published can go nevertheless.
        withdraw(runtime.home, workspace_keys=keys)
        raise
    _renew(runtime)
    problem = _rebuild(runtime)
    rewritten = Rewritten()
    if needs_rewrite(runtime.home, runtime.ledger):
        rewritten = rewrite(runtime.home, keyring=runtime.keyring)
    published = None
    if runtime.home.published_path.exists():
        try:
            published = release_and_publish(runtime).published
        except (UnsoundMartsError, StoreError, ThawedSliceError) as error:
            problem = problem or str(error)
            published = withdraw(runtime.home, workspace_keys=keys)
    return Ended(coarsened, rewritten, published, problem)


def _renew(runtime: Runtime) -> None:
    """Record released slices as they are without the ended workspaces."""
    if runtime.home.warehouse_path.exists():
        with open_session(runtime.home, schemas={}, read_only=True) as connection:
            renew(runtime.ledger, connection, why="an account ended")


def _rebuild(runtime: Runtime) -> str | None:
    """Build everything that is made from cubes; return what went wrong, if anything did."""
    if not runtime.home.warehouse_path.exists():
        return None
    # Ingestion and dbt take turns, so that the memory of one is enough.
    runtime.engine.release()
    try:
        build_marts(runtime, select=OVER_CUBES)
    except LockedError:
        raise
    except (PipelineError, WarehouseError) as error:
        return str(error)
    return None
