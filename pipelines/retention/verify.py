"""Verify that nothing is past its window, with all that this warehouse knows, and record the result."""

from datetime import datetime

from anonymizers.tokens import PLATFORM
from pipelines.declarations.cube import REST, TOTAL
from pipelines.declarations.declarations import Declarations
from pipelines.declarations.policy import Operational
from pipelines.disclosure.surrogates import workspace_keys_of
from pipelines.privacy.restored import erase_again
from pipelines.retention.plan import operational_windows
from pipelines.windows.inputs import data_sets, retention_inputs
from warehouse.keys.keyring import Purpose
from warehouse.progress import Progress, silent
from warehouse.retention import evidence
from warehouse.retention.account_end import FORMER
from warehouse.retention.verify import Scope, Verified, verify
from warehouse.store.store import Store


def prove(
    declarations: Declarations, store: Store, *, as_of: datetime, progress: Progress = silent
) -> Verified:
    """Search everything, and write into the evidence how much was searched and found.

    Deletes nothing.

    Raises:
        LockedError: The warehouse file is being written all the time.
    """
    verified = verify(
        store.home,
        ledger=store.ledger,
        engine=store.engine,
        keyring=store.keyring,
        scope=scope_of(declarations, store, as_of=as_of),
        progress=progress,
    )
    if not verified.entries or store.keyring.has(Purpose.LEDGER, evidence.KEY):
        _record(store, verified, as_of=as_of)
    return verified


def accept_restored_ledger(
    declarations: Declarations, store: Store, *, as_of: datetime
) -> tuple[int | None, list[str]]:
    """Record in the evidence that a restored ledger lost entries, and make lost erasures due again.

    Returns:
        Number of the entry, None where none is lost; and the requests that are due again.
    """
    anchor = store.home.keys / evidence.ANCHOR
    with store.ledger.transaction() as connection:
        key = store.keyring.get(Purpose.LEDGER, evidence.KEY)
        seq = evidence.accept_restored(connection, key=key, as_of=as_of, anchor=anchor)
    if seq is not None:
        evidence.move_anchor(store.ledger, anchor)
    return seq, erase_again(declarations, store, as_of=as_of)


def scope_of(declarations: Declarations, store: Store, *, as_of: datetime) -> Scope:
    """Return what is promised as known now: policy, settings, account ends and holds."""

    def published_as(workspace: str) -> str | None:
        return next(iter(workspace_keys_of(store.keyring, [workspace])), None)

    return Scope(
        inputs=retention_inputs(declarations, store, as_of=as_of),
        data_sets=data_sets(declarations.contracts),
        as_of=as_of,
        windows=operational_windows(declarations),
        dagster_days=declarations.policy.operational_days[Operational.DAGSTER_RUNS],
        word_days=declarations.policy.operational_days[Operational.WORD_COUNTS],
        published_as=published_as,
        coarse_keys=frozenset({TOTAL, REST, FORMER}),
        key_names=frozenset({PLATFORM}),
    )


def _record(store: Store, verified: Verified, *, as_of: datetime) -> None:
    body = {
        "findings": len(verified.findings),
        "rows": verified.rows,
        "files": verified.files,
        "entries": verified.entries,
    }
    with store.ledger.transaction() as connection:
        key = store.keyring.get(Purpose.LEDGER, evidence.KEY)
        evidence.append(connection, key=key, kind=evidence.VERIFIED, as_of=as_of, body=body)
    evidence.write_anchor(store.ledger, store.home.keys / evidence.ANCHOR)
