"""Confirm corrections: since a person asked, the application has replaced the rows that were wrong."""

from datetime import datetime

from pipelines.declarations.contract import Contract, Kind, Subject
from pipelines.declarations.declarations import Declarations
from pipelines.privacy.errors import NotCorrectableError
from pipelines.privacy.people import rows_of
from pipelines.privacy.receipts import finish_with_receipt
from pipelines.windows.inputs import HOLDS, tokens_of_people
from warehouse.ledger.requests import Kind as RequestKind
from warehouse.ledger.requests import Status, about, requests
from warehouse.store.store import Store

# Kind of the evidence entry of a correction that was confirmed.
CORRECTED = "correction verified"
# What people mostly ask to be corrected: what is known of themselves.
_OF_THEMSELVES = {Subject.CONTACT: "app__contacts", Subject.MEMBER: "app__members"}


def correctable(declarations: Declarations, subject: Subject, source: str | None) -> str:
    """Return the data set that is to be corrected; None means the one about the person.

    Raises:
        NotCorrectableError: Its rows are events, or name no such person.
    """
    known = [name for name, contract in declarations.contracts.items() if _can_be(contract, subject)]
    asked = source or _OF_THEMSELVES[subject]
    if asked not in known:
        raise NotCorrectableError(asked, known)
    return asked


def finish_corrections(declarations: Declarations, store: Store, *, as_of: datetime) -> list[str]:
    """Close the confirmed corrections whose rows have all been replaced since they were asked for.

    The warehouse corrects nothing itself: the next export would undo it. Models and queries read the
    corrected row from the moment it comes, and so do all slices that are not published yet.

    Returns:
        Numbers of the requests that are done now.
    """
    done = []
    for request in requests(store.ledger, statuses=[Status.VERIFIED], kinds=[RequestKind.CORRECT]):
        who = about(store.keyring, request.number)
        contract = declarations.contracts[who["data_set"]]
        rows = rows_of(store, contract, who["workspace_id"], who["tokens"], deleted=True)
        changed = rows[contract.stored_name(str(contract.version))] if rows.height else None
        if changed is None or not (changed > request.received_at).all():
            continue
        counted = {"data_set": contract.source, "category": contract.policy.value, "rows": rows.height}
        said = {"corrected_at": as_of.isoformat(), "corrected": [counted]}
        finish_with_receipt(store, request, said, as_of=as_of, proved=CORRECTED)
        done.append(request.number)
    return done


def _can_be(contract: Contract, subject: Subject) -> bool:
    is_table = contract.kind is Kind.ENTITY and contract.source != HOLDS
    return is_table and contract.subject is subject and bool(tokens_of_people(contract))
