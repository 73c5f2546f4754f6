"""End a whole workspace on request, and certify that nothing of an ended account is left."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from pipelines.declarations.contract import Subject
from pipelines.declarations.declarations import Declarations
from pipelines.privacy.errors import NotEndedError
from pipelines.privacy.receipts import account_erased, write_certificate
from pipelines.windows.inputs import HOLDS
from warehouse.retention import evidence, records
from warehouse.retention.rules import Erasure
from warehouse.store.connection import quoted
from warehouse.store.reading import read_columns
from warehouse.store.store import Store


def ended_by_request(
    declarations: Declarations, erasures: Sequence[Erasure], *, as_of: datetime
) -> dict[str, datetime]:
    """Return workspace → when its account counts as ended, so that all of it is due now."""
    windows = declarations.policy.version_at(as_of.date()).account_windows
    ended = as_of - timedelta(days=max(windows, default=0))
    return {each.workspace_id: ended for each in erasures if each.subject == Subject.WORKSPACE}


def remains_of_workspace(declarations: Declarations, store: Store, workspace: str) -> list[tuple[str, int]]:
    """Count the rows of a whole workspace, but for those that outlive its account: data set and rows."""
    found = []
    rules = declarations.policy.versions[-1].categories
    for contract in declarations.contracts.values():
        schema = contract.plan.stored_columns()
        if contract.source == HOLDS or rules[contract.policy].outlives_account:
            continue
        if any(name == "workspace_id" for name, _ in schema):
            rows = read_columns(
                store,
                contract.source,
                schema=schema,
                columns=["workspace_id"],
                deleted=True,
                where=f"workspace_id = {quoted(workspace)}",
            )
            found.append((contract.source, rows.num_rows))
    return found


def certify(declarations: Declarations, store: Store, workspace: str, path: Path) -> int:
    """Write a certificate that an account is gone, after a search; return how many rows were deleted.

    Raises:
        NotEndedError: The account has not ended, or some of its rows are still there.
    """
    subject = records.subject(records.subject_key(store.keyring), workspace)
    if subject not in records.refused(store.ledger):
        raise NotEndedError("the account has not ended here")
    searched = remains_of_workspace(declarations, store, workspace)
    if left := sum(rows for _, rows in searched):
        raise NotEndedError(f"{left} row(s) of the account are still there; run `wasms retention apply`")
    said = account_erased(
        store,
        workspace,
        chain=evidence.entries(store.ledger),
        as_of=store.ledger.reached(),
        searched=[source for source, _ in searched],
    )
    write_certificate(store, path, workspace, said)
    return sum(row["rows"] for row in said["deleted"])
