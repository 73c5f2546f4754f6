"""Bring back what a restored ledger has lost of requests: erasures that are undone are due again."""

from collections import defaultdict
from datetime import datetime

from pipelines.declarations.declarations import Declarations
from pipelines.privacy.erasures import is_about_people, is_refused, rows_alike, workspaces_of
from pipelines.windows.inputs import tokens_of_people
from warehouse.ledger.requests import reseal
from warehouse.retention.suppression import hidden, put_back, suppressed
from warehouse.store.store import Store


def erase_again(declarations: Declarations, store: Store, *, as_of: datetime) -> list[str]:
    """Make the erasures due that a restored ledger has lost; what is refused is kept beside the keys too.

    So is how far all other requests were: those that it has lost are open, or in force, again.

    Returns:
        Numbers of their requests.
    """
    due: list[str] = []
    for workspace in workspaces_of(declarations, store):
        lost = put_back(store.ledger, store.keyring, workspace, as_of=as_of)
        if not lost:
            continue
        erased = suppressed(store.ledger, store.keyring, [workspace])
        tokens: dict[str, set[str]] = {number: set() for number in lost.values()}
        subjects: dict[str, str] = defaultdict(lambda: "contact")
        for contract in filter(is_about_people, declarations.contracts.values()):
            rows = rows_alike(store, contract, erased)
            refused = rows.filter(is_refused(rows, contract, erased).to_arrow())
            for column in tokens_of_people(contract):
                for token in filter(None, refused[column].unique().to_pylist()):
                    hash_ = hidden(erased[workspace].key, token, subject=contract.subject.value)
                    if number := lost.get(hash_):
                        tokens[number].add(token)
                        subjects[number] = contract.subject.value
        for number, found in tokens.items():
            about = {"workspace_id": workspace, "subject": subjects[number], "tokens": sorted(found)}
            reseal(store.keyring, number, about)
        due += sorted(tokens)
    return due
