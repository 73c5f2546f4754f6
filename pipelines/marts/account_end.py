"""Remove ended workspaces from cubes, marts, the warehouse file and the published copy."""

import shutil
from collections.abc import Collection
from dataclasses import dataclass

from pipelines.declarations.disclosure import load_disclosure
from pipelines.declarations.errors import PipelineError
from pipelines.disclosure.surrogates import workspace_keys_of
from pipelines.marts.build import OVER_CUBES, build_marts
from pipelines.marts.release import release_and_publish
from pipelines.marts.release_report import forget
from warehouse.errors import (
    ChangedAfterReleaseError,
    CoarseningError,
    LockedError,
    StoreError,
    UnsoundMartsError,
    WarehouseError,
)
from warehouse.files import leftovers_of
from warehouse.home import Home
from warehouse.publishing.publish import Published, withdraw
from warehouse.publishing.releases import release_changed
from warehouse.retention.account_end import Coarsened, coarsen
from warehouse.retention.databases import Rewritten, needs_rewrite, rewrite
from warehouse.store.session import open_session
from warehouse.store.store import Store


@dataclass(frozen=True, slots=True)
class AccountsEnded:
    """The result of removing ended workspaces.

    Attributes:
        coarsened: What was changed in the cubes.
        rewritten: The warehouse file before and after it was rewritten.
        published: The published copy as it is now; None where there is none.
        problem: Why the marts were not published and the workspaces were removed from the last copy instead;
            None where all went well.
    """

    coarsened: Coarsened
    rewritten: Rewritten
    published: Published | None
    problem: str | None


def end_in_marts(store: Store, workspace_ids: Collection[str]) -> AccountsEnded:
    """Remove workspaces from cubes, marts, the warehouse file, the published copy and pages, in this order.

    Their rows are out of the store, but their surrogate keys are still there: the keys say which published
    rows are theirs, and are destroyed afterwards. The deletion does not wait for marts that pass their tests:
    if the marts cannot be built, the workspaces are removed from the last published copy.

    Each step may be repeated: after a crash, call it again with the same workspaces.

    Raises:
        CoarseningError: A cube has a column, and no rule says what becomes of it when rows are merged.
        LockedError: Another process has the warehouse file; call again.
        StoreError: The file could not be changed; call again.
    """
    try:
        return _end_in_marts(store, workspace_ids)
    finally:
        # At last: pages that were made meanwhile may still be copies of what was published before.
        _remove_portal(store.home)
        forget(store.ledger)


def _end_in_marts(store: Store, workspace_ids: Collection[str]) -> AccountsEnded:
    keys = workspace_keys_of(store.keyring, workspace_ids)
    try:
        coarsened = coarsen(
            store.home,
            keyring=store.keyring,
            workspace_keys=keys,
            fewest_shown=load_disclosure().minimum_workspaces,
        )
    except (CoarseningError, StoreError):
        # The published copy can be cleared nevertheless.
        withdraw(store.home, workspace_keys=keys)
        raise
    if store.home.warehouse_path.exists():
        with open_session(store.home, schemas={}, read_only=True) as connection:
            release_changed(store.ledger, connection, why="an account ended")
    problem = _rebuild(store)
    rewritten = Rewritten()
    if needs_rewrite(store.home, store.ledger):
        rewritten = rewrite(store.home, keyring=store.keyring)
    published = None
    if store.home.published_path.exists():
        try:
            published = release_and_publish(store).published
        except (UnsoundMartsError, StoreError, ChangedAfterReleaseError) as error:
            problem = problem or str(error)
            published = withdraw(store.home, workspace_keys=keys)
    return AccountsEnded(coarsened, rewritten, published, problem)


def _remove_portal(home: Home) -> None:
    """Remove the pages made of the published copy, and what an interrupted build of them left."""
    for folder in (home.portal, *leftovers_of(home.portal)):
        if folder.exists():
            shutil.rmtree(folder)


def _rebuild(store: Store) -> str | None:
    """Build everything that is made from cubes; return what went wrong, if anything did."""
    if not store.home.warehouse_path.exists():
        return None
    # Ingestion and dbt take turns, so that the memory of one is enough.
    store.engine.release()
    try:
        build_marts(store, select=OVER_CUBES)
    except LockedError:
        raise
    except (PipelineError, WarehouseError) as error:
        return str(error)
    return None
