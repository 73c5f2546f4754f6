"""Remove ended workspaces from cubes, marts, the warehouse file and the published copy."""

import shutil
from collections.abc import Collection

from pipelines.declarations.disclosure import load_disclosure
from pipelines.declarations.errors import PipelineError
from pipelines.disclosure.surrogates import workspace_keys_of
from pipelines.marts.build import build_marts
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
from warehouse.publishing.publish import withdraw
from warehouse.publishing.releases import release_changed
from warehouse.retention.account_end import coarsen
from warehouse.retention.databases import needs_rewrite, rewrite
from warehouse.store.session import open_session
from warehouse.store.store import Store


def end_in_marts(store: Store, workspace_ids: Collection[str]) -> str | None:
    """Remove workspaces from cubes, marts, the warehouse file, the published copy and pages, in this order.

    Their rows are out of the store, but their surrogate keys are still there: the keys say which published
    rows are theirs, and are destroyed afterwards. The deletion does not wait for marts that pass their tests:
    if the marts cannot be built, the workspaces are removed from the last published copy.

    Each step may be repeated: after a crash, call it again with the same workspaces.

    Returns:
        Why the marts were not published and the workspaces were removed from the last copy instead; None
        where all went well.

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


def _end_in_marts(store: Store, workspace_ids: Collection[str]) -> str | None:
    keys = workspace_keys_of(store.keyring, workspace_ids)
    try:
        coarsen(
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
    if needs_rewrite(store.home, store.ledger):
        rewrite(store.home, keyring=store.keyring)
    if store.home.published_path.exists():
        try:
            release_and_publish(store)
        except (UnsoundMartsError, StoreError, ChangedAfterReleaseError) as error:
            problem = problem or str(error)
            withdraw(store.home, workspace_keys=keys)
    return problem


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
        build_marts(store)
    except LockedError:
        raise
    except (PipelineError, WarehouseError) as error:
        return str(error)
    return None
