"""Record requests of data subjects: who asks for what, by when it must be answered."""

import hmac
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial

from anonymizers.treatments import IdentityKind
from pipelines.declarations.contract import Subject
from pipelines.declarations.declarations import Declarations
from pipelines.privacy.corrections import correctable
from pipelines.privacy.deadlines import (
    ANSWER_BUSINESS_DAYS,
    DUE_DAYS,
    LONGEST_EXTENSION_DAYS,
    after_business_days,
)
from pipelines.privacy.erasures import people_of
from pipelines.privacy.errors import (
    SameRequestError,
    UnknownPurposeError,
    UnknownRecipientError,
    WholeWorkspaceError,
)
from pipelines.privacy.people import Person, find_person, people_by_tokens
from pipelines.windows.inputs import tokens_of_people
from warehouse.keys.keyring import Purpose
from warehouse.ledger.requests import (
    OPEN,
    RESTRICTING,
    WITH_PERSON,
    Kind,
    Request,
    RequestError,
    Status,
    about,
    add,
    advance,
    extend,
    new_number,
    request,
    requests,
    reseal,
    tell,
    told,
)
from warehouse.retention import records
from warehouse.retention.suppression import keep_copy
from warehouse.store.reading import read_cached
from warehouse.store.store import Store

# Requests that the application exports: what they ask, and how far they are there.
_KINDS = {
    "access": Kind.ACCESS,
    "erasure": Kind.ERASE,
    "restriction": Kind.RESTRICT,
    "portability": Kind.PORTABILITY,
    "objection": Kind.OBJECT,
    "rectification": Kind.CORRECT,
}
# What a workspace's owner may ask about all of it.
_OF_WORKSPACES = (Kind.ACCESS, Kind.PORTABILITY, Kind.ERASE)
_EXPORTED_OPEN = ("verified", "in_progress")
_EXPORTED_TOKENS = ("contact_token", "contact_email_token", "contact_user_token")
_EXPORTED = ("workspace_id", "request_id", "request_type", "status", "received_on", *_EXPORTED_TOKENS)


def submit(
    declarations: Declarations,
    store: Store,
    *,
    kind: Kind,
    workspace: str,
    identifiers: Mapping[IdentityKind, str],
    as_of: datetime,
    subject: Subject = Subject.CONTACT,
    source: str | None = None,
    purposes: Collection[str] = (),
) -> tuple[Request, Person]:
    """Record one request; nothing is done until the person's identity is confirmed.

    Args:
        identifiers: Of the person; none where it is about the workspace as a whole.
        source: Of a correction: the data set with wrong rows; None = the one about the person.
        purposes: Of an objection: the categories of the policy whose purpose is objected to; none = all.

    Raises:
        UnknownPurposeError: A purpose is not declared of such persons, or this is no objection.
        NotCorrectableError: Rows of that data set are not corrected.
        WholeWorkspaceError: That is asked by persons alone.
        UnknownIdentifierError: An identifier is none of its kind, or the workspace is not known.
        SameRequestError: It is recorded already.
    """
    store.ledger.check_clock(as_of)
    if subject is Subject.WORKSPACE and kind not in _OF_WORKSPACES:
        raise WholeWorkspaceError([each.value for each in _OF_WORKSPACES])
    declared = purposes_of(declarations, subject)
    if purposes and (kind is not Kind.OBJECT or not declared.issuperset(purposes)):
        raise UnknownPurposeError(sorted(declared))
    person = find_person(declarations, store, workspace=workspace, identifiers=identifiers, subject=subject)
    naming = records.subject_key(store.keyring)
    scope = [*([source] if source else []), *sorted(purposes)]
    same_as = _digest(naming, kind.value, workspace, *scope, *sorted(person.tokens))
    for before in requests(store.ledger, statuses=WITH_PERSON, kinds=[kind]):
        if before.same_as == same_as:
            raise SameRequestError(before.number)
    number = _record(
        *(declarations, store, kind, person),
        same_as=same_as,
        received_at=as_of,
        source=source,
        purposes=purposes,
    )
    _keep(store, [number])
    return request(store.ledger, number), person


def purposes_of(declarations: Declarations, subject: Subject) -> set[str]:
    """Return what may be objected to: categories, each with its purpose, of data about such persons."""
    contracts = declarations.contracts.values()
    return {c.policy.value for c in contracts if c.subject is subject and tokens_of_people(c)}


def _digest(key: bytes, *parts: str) -> str:
    return hmac.digest(key, "\x1f".join(parts).encode(), "sha256").hex()[:32]


def _record(
    declarations: Declarations,
    store: Store,
    kind: Kind,
    person: Person,
    *,
    same_as: str,
    received_at: datetime,
    source: str | None = None,
    purposes: Collection[str] = (),
) -> str:
    recorded = Request(
        number=new_number(),
        subject=records.subject(records.subject_key(store.keyring), person.workspace_id),
        kind=kind,
        status=Status.RECEIVED,
        same_as=same_as,
        received_at=received_at,
        answer_by=after_business_days(received_at.date(), ANSWER_BUSINESS_DAYS),
        due_on=received_at.date() + timedelta(days=DUE_DAYS),
    )
    who = {
        "workspace_id": person.workspace_id,
        "subject": person.subject.value,
        "tokens": sorted(person.tokens),
        "generation": person.generation,
        "purposes": sorted(purposes),
    }
    if kind is Kind.CORRECT:
        who["data_set"] = correctable(declarations, person.subject, source)
    add(store.ledger, store.keyring, recorded, who)
    return recorded.number


def take_over(declarations: Declarations, store: Store, *, as_of: datetime) -> list[str]:
    """Record the verified requests of the data set `privacy__requests` that are not recorded yet.

    Returns:
        Their numbers.
    """
    source = "privacy__requests"
    if source not in declarations.contracts:
        return []
    schema = declarations.contracts[source].plan.stored_columns()
    known = {each.same_as for each in requests(store.ledger)}
    naming, asked = records.subject_key(store.keyring), []
    for row in read_cached(store, source, schema=schema, columns=_EXPORTED).to_pylist():
        same_as = _digest(naming, row["workspace_id"], row["request_id"])
        kind = _KINDS.get(row["request_type"])
        tokens = [row[name] for name in _EXPORTED_TOKENS if row[name] is not None]
        if kind is None or row["status"] not in _EXPORTED_OPEN or same_as in known or not tokens:
            continue
        given = row["workspace_id"], dict.fromkeys(tokens, "identifier")
        asked.append((given, kind, same_as, min(row["received_on"], as_of)))
    people = people_by_tokens(declarations, store, [given for given, *_ in asked])
    numbers = [
        _record(declarations, store, kind, person, same_as=same_as, received_at=received_at)
        for person, (_, kind, same_as, received_at) in zip(people, asked, strict=True)
    ]
    _confirm(declarations, store, numbers, how="by the application", as_of=as_of)
    return numbers


def confirm(declarations: Declarations, store: Store, number: str, *, how: str, as_of: datetime) -> None:
    """Record that the person's identity was verified, and how; from now on the request is carried out.

    A restriction or objection takes effect at once, an erasure with the next deletion.

    Raises:
        RequestError: It is not open, or confirmed already.
    """
    _confirm(declarations, store, [number], how=how, as_of=as_of)


def _confirm(
    declarations: Declarations, store: Store, numbers: Sequence[str], *, how: str, as_of: datetime
) -> None:
    for number in numbers:
        _move(store, number, Status.VERIFIED, of=(Status.RECEIVED, Status.PAUSED), as_of=as_of, note=how)
    found = [request(store.ledger, number) for number in numbers]
    _restrict(declarations, store, [each for each in found if each.kind in RESTRICTING], as_of=as_of)
    _keep(store, numbers)


def note_told(
    declarations: Declarations, store: Store, number: str, recipient: str, *, as_of: datetime
) -> list[str]:
    """Record that a recipient of the data was told of a request (GDPR article 19); return who is left.

    Raises:
        RequestError: There is none of that number.
        UnknownRecipientError: The policy names no such recipient.
    """
    known = recipients(declarations, as_of=as_of)
    request(store.ledger, number)
    if recipient not in known:
        raise UnknownRecipientError(known)
    with store.ledger.transaction() as connection:
        tell(connection, number, recipient, as_of=as_of)
    already = told(store.ledger, number)
    return [name for name in known if name not in already]


def recipients(declarations: Declarations, *, as_of: datetime) -> list[str]:
    """Return who gets data of contacts and members from the service, by the policy in force."""
    rules = declarations.policy.version_at(as_of.date()).categories
    about_people = {c.policy for c in declarations.contracts.values() if tokens_of_people(c)}
    return sorted({name for category in about_people for name in rules[category].recipients})


def lift(store: Store, number: str, *, why: str, as_of: datetime) -> None:
    """End a restriction: models and queries see the person's rows again, as they are.

    Raises:
        RequestError: It restricts nothing.
    """
    _move_one(store, number, Status.LIFTED, of=(Status.RESTRICTED,), as_of=as_of, note=why)
    store.keyring.destroy(Purpose.REQUEST, number)


def _restrict(declarations: Declarations, store: Store, found: Sequence[Request], *, as_of: datetime) -> None:
    """Hide the persons' rows from now on; they stay as they are."""
    _hide(declarations, store, found)
    for each in found:
        _move(store, each.number, Status.RESTRICTED, of=(Status.VERIFIED,), as_of=as_of, note="")


def follow_restricted(declarations: Declarations, store: Store) -> None:
    """Hide also what came since of restricted persons: under another number, or under a message alone.

    Costs nothing where nothing came since the last time.
    """
    generation = store.ledger.generation()
    restricted = requests(store.ledger, statuses=[Status.RESTRICTED])
    found = [r for r in restricted if about(store.keyring, r.number).get("generation") != generation]
    _hide(declarations, store, found)


def _hide(declarations: Declarations, store: Store, found: Sequence[Request]) -> None:
    """Seal with each request by which tokens, beside those known at first, its rows are told by now."""
    generation = store.ledger.generation()
    for person in people_of(declarations, store, found):
        who = about(store.keyring, person.number)
        now = {"messages": sorted(person.tokens.difference(who["tokens"])), "generation": generation}
        if purposes := who.get("purposes"):
            contracts = declarations.contracts.values()
            now["data_sets"] = [c.source for c in contracts if c.policy.value in purposes]
        if who | now != who:
            reseal(store.keyring, person.number, who | now)


def pause(store: Store, number: str, *, why: str, as_of: datetime) -> None:
    """Do nothing for a request until it is confirmed again; its due date stays.

    Raises:
        RequestError: It is not open, or its rows are gone already.
    """
    _move_one(store, number, Status.PAUSED, of=(Status.RECEIVED, Status.VERIFIED), as_of=as_of, note=why)


def close(store: Store, number: str, status: Status, *, why: str, as_of: datetime) -> None:
    """End a request that the person withdrew, or that was refused, and forget whom it is about.

    Raises:
        RequestError: It is not open, or its rows are gone already.
    """
    open_ = (Status.RECEIVED, Status.VERIFIED, Status.PAUSED)
    _move_one(store, number, status, of=open_, as_of=as_of, note=why)
    store.keyring.destroy(Purpose.REQUEST, number)


def give_more_time(store: Store, number: str, *, days: int, why: str, as_of: datetime) -> date:
    """Move the due date of a request; return it.

    Raises:
        RequestError: It is not open, or would wait more than 60 days longer than the 30.
    """
    found = request(store.ledger, number)
    longest = found.received_at.date() + timedelta(days=DUE_DAYS + LONGEST_EXTENSION_DAYS)
    due_on = found.due_on + timedelta(days=days)
    if found.status not in OPEN or due_on > longest or days < 1:
        raise RequestError(number, f"an open request may be extended to {longest} at most")
    with store.ledger.transaction() as connection:
        extend(connection, number, due_on, as_of=as_of, note=why)
    _keep(store, [number])
    return due_on


def _keep(store: Store, numbers: Iterable[str]) -> None:
    """Keep how far requests are beside the keys too; whom they are about must not be forgotten yet."""
    named = [number for number in numbers if store.keyring.has(Purpose.REQUEST, number)]
    workspaces = {about(store.keyring, number)["workspace_id"] for number in named}
    for workspace in filter(partial(store.keyring.has, Purpose.PSEUDONYM), workspaces):
        keep_copy(store.ledger, store.keyring, workspace)


def _move_one(
    store: Store, number: str, status: Status, *, of: tuple[Status, ...], as_of: datetime, note: str
) -> None:
    _move(store, number, status, of=of, as_of=as_of, note=note)
    _keep(store, [number])


def _move(
    store: Store, number: str, status: Status, *, of: tuple[Status, ...], as_of: datetime, note: str
) -> None:
    found = request(store.ledger, number)
    if found.status not in of:
        ends = f"; `wasms privacy lift {number}` ends it" if found.status is Status.RESTRICTED else ""
        raise RequestError(number, f"it is {found.status}, so it cannot be {status}{ends}")
    with store.ledger.transaction() as connection:
        advance(connection, number, status, as_of=as_of, note=note)
