"""Turn confirmed requests into erasures that retention carries out, and confirm them when nothing is left."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache, partial

import polars as pl
import pyarrow as pa

from pipelines.declarations.contract import Contract, Kind, Subject
from pipelines.declarations.declarations import Declarations
from pipelines.privacy.accounts import remains_of_workspace
from pipelines.privacy.errors import RemainsError
from pipelines.privacy.people import own_messages, people_by_tokens, region_of
from pipelines.privacy.raw_records import quarantined, raw_tokens, records_naming
from pipelines.privacy.receipts import account_erased, erased, finish_with_receipt
from pipelines.windows.inputs import HOLDS, WORKSPACES, tokens_of_people
from warehouse.keys.keyring import Purpose
from warehouse.ledger.requests import (
    ERASING,
    Request,
    Status,
    about,
    forget_closed,
    requests,
)
from warehouse.ledger.requests import (
    Kind as RequestKind,
)
from warehouse.retention import evidence
from warehouse.retention.rules import Erasure
from warehouse.retention.suppression import Suppressed, keep_copy, refused, suppressed
from warehouse.store.connection import identifier, quoted
from warehouse.store.reading import read_cached, read_columns
from warehouse.store.sketches import CHARACTERS
from warehouse.store.store import Store

# Kind of the evidence entry of an erasure that was confirmed.
ERASED = "erasure verified"


def due_erasures(declarations: Declarations, store: Store) -> list[Erasure]:
    """Return the erasures whose request is confirmed and whose rows are still there, oldest due date first.

    Raises:
        KeyringError: Whom a request is about cannot be unsealed.
    """
    due = requests(store.ledger, statuses=[Status.VERIFIED], kinds=ERASING)
    if not due:
        return []
    named = cache(partial(_raw_tokens, declarations, store, quarantined(store)))
    return [
        replace(each, records=records_naming(named(each.workspace_id), each.tokens)) if each.tokens else each
        for each in people_of(declarations, store, due)
    ]


def finish_erasures(declarations: Declarations, store: Store, *, as_of: datetime) -> list[str]:
    """Confirm erasures whose files are gone: search for remains, write the receipt, forget the person.

    Returns:
        Numbers of the requests that are done now. While somebody still reads a file that was replaced, they
        wait for the next call.

    Raises:
        RemainsError: Rows of an erased person are still there; all other requests are done.
    """
    forget_closed(store.ledger, store.keyring)
    waiting = requests(store.ledger, statuses=[Status.REWRITTEN], kinds=ERASING)
    if not waiting or store.ledger.has_hidden_files():
        return []
    whom = {each.number: about(store.keyring, each.number) for each in waiting}
    names = sorted({who["workspace_id"] for who in whom.values()})
    everywhere = remains_of(declarations, store, names)
    remains = cache(partial(_searched, declarations, store, everywhere=everywhere))
    keep = cache(partial(keep_copy, store.ledger, store.keyring))
    chain = evidence.entries(store.ledger)
    failed: list[RemainsError] = []
    for request in waiting:
        who = whom[request.number]
        searched = remains(who["workspace_id"], who["subject"] == Subject.WORKSPACE)
        if found := sum(rows for _, rows in searched):
            failed.append(RemainsError(request.number, found))
            continue
        if store.keyring.has(Purpose.PSEUDONYM, who["workspace_id"]):
            keep(who["workspace_id"])
        sources = [source for source, _ in searched]
        if who["subject"] == Subject.WORKSPACE:
            said = account_erased(store, who["workspace_id"], chain=chain, as_of=as_of, searched=sources)
        else:
            said = erased(store, request, chain=chain, as_of=as_of, searched=sources)
        finish_with_receipt(store, request, said, as_of=as_of, proved=ERASED)
    if failed:
        raise failed[0]
    return [request.number for request in waiting]


def remains_of(
    declarations: Declarations,
    store: Store,
    workspaces: Sequence[str] | None = None,
) -> list[tuple[str, int]]:
    """Count the rows of erased persons in the store, by what is refused of them: data set and rows.

    It asks nobody who was erased: each row's tokens are hashed as those that come in are. Rows of events
    after an erasure are welcome and not counted. Every file is read: it trusts no sketch.

    Args:
        workspaces: Where to search; None = all.
    """
    named = workspaces_of(declarations, store) if workspaces is None else workspaces
    erased = suppressed(store.ledger, store.keyring, named)
    return [
        (
            contract.source,
            int(is_refused(rows_alike(store, contract, erased), contract, erased).sum()),
        )
        for contract in declarations.contracts.values()
        if is_about_people(contract)
    ]


def _searched(
    declarations: Declarations,
    store: Store,
    workspace: str,
    is_whole: bool,
    *,
    everywhere: list[tuple[str, int]],
) -> list[tuple[str, int]]:
    """Return what is left in a workspace; of persons, it is searched alone if something is left anywhere."""
    if is_whole:
        return remains_of_workspace(declarations, store, workspace)
    return remains_of(declarations, store, [workspace]) if any(rows for _, rows in everywhere) else everywhere


def is_refused(rows: pa.Table, contract: Contract, erased: Mapping[str, Suppressed]) -> pl.Series:
    """Return for each row of a contract, as it would be stored, whether it is of an erased person."""
    if not is_about_people(contract):
        return pl.repeat(value=False, n=rows.num_rows, dtype=pl.Boolean, eager=True)
    return refused(
        rows,
        erased,
        subject=contract.subject.value,
        tokens=tokens_of_people(contract),
        time=_stored_time(contract),
    )


def is_about_people(contract: Contract) -> bool:
    """Return whether rows of a contract may be erased; legal holds stay: they say what is kept."""
    return bool(tokens_of_people(contract)) and contract.source != HOLDS


def workspaces_of(declarations: Declarations, store: Store) -> list[str]:
    """Return the workspaces that the store knows."""
    schema = declarations.contracts[WORKSPACES].plan.stored_columns()
    rows = read_cached(store, WORKSPACES, schema=schema, columns=["workspace_id"], deleted=True)
    return [name for name in rows["workspace_id"].unique().to_pylist() if name is not None]


def _stored_time(contract: Contract) -> str | None:
    """Return the stored column that says when a row happened, or was last changed; None = no column does."""
    name = contract.event_time if contract.kind is Kind.EVENT else contract.version
    return contract.stored_name(name) if name else None


def rows_alike(store: Store, contract: Contract, erased: Mapping[str, Suppressed]) -> pa.Table:
    """Return what names people, and when, of the rows with a token that begins like an erased one."""
    time, tokens = _stored_time(contract), tokens_of_people(contract)
    listed = ", ".join(map(quoted, erased)) or "null"
    alike = " or ".join(f"left({identifier(name)}, {CHARACTERS}) in (from wanted)" for name in tokens)
    return read_columns(
        store,
        contract.source,
        schema=contract.plan.stored_columns(),
        columns=["workspace_id", *tokens, *([time] if time else [])],
        deleted=True,
        where=f"workspace_id in ({listed}) and ({alike})",
        naming=frozenset().union(*(known.beginnings for known in erased.values())),
        every_file=True,
    )


def _raw_tokens(declarations: Declarations, store: Store, raw: pl.DataFrame, workspace: str) -> pl.DataFrame:
    """Return which tokens of a workspace stand in raw records, as `raw_tokens` does."""
    if not store.keyring.has(Purpose.PSEUDONYM, workspace):
        # The account has ended since, and all of it is gone.
        return raw_tokens(raw.clear(), key=b"", region=None)
    key = store.keyring.find(Purpose.PSEUDONYM, workspace)
    return raw_tokens(raw, key=key, region=region_of(declarations, store, workspace))


def person_of(declarations: Declarations, store: Store, request: Request) -> Erasure:
    """Return all that a request is about: the person's tokens, and those of the person's messages.

    Raises:
        KeyringError: It is done, and the person forgotten.
    """
    (person,) = people_of(declarations, store, [request])
    return person


def people_of(declarations: Declarations, store: Store, asked: Sequence[Request]) -> list[Erasure]:
    """Return all that each of some requests is about, in order, after one look at the store for all of them.

    What rows have connected with a contact since the request was recorded is the contact's too.

    Raises:
        KeyringError: One is done, and the person forgotten.
    """
    if not asked:
        return []
    who = [about(store.keyring, request.number) for request in asked]
    generation = store.ledger.generation()
    earlier = [
        each for each in who if each["subject"] == Subject.CONTACT and each.get("generation") != generation
    ]
    given = [(each["workspace_id"], dict.fromkeys(each["tokens"], "identifier")) for each in earlier]
    for each, person in zip(earlier, people_by_tokens(declarations, store, given), strict=True):
        each["tokens"] = person.tokens
    people = [(each["workspace_id"], Subject(each["subject"]), each["tokens"]) for each in who]
    return [
        Erasure(
            number=request.number,
            workspace_id=workspace,
            subject=subject.value,
            tokens=messages.union(tokens),
            until=None if request.kind is RequestKind.MINOR else request.received_at,
        )
        for request, (workspace, subject, tokens), messages in zip(
            asked, people, own_messages(declarations, store, people), strict=True
        )
    ]
