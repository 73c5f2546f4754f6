"""Record requests of data subjects: who asks for what, by when it must be answered."""

import hmac
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from anonymizers.treatments import IdentityKind
from pipelines.declarations.contract import Subject
from pipelines.declarations.declarations import Declarations
from pipelines.privacy.errors import SameRequestError
from pipelines.privacy.people import Person, find_person
from warehouse.keys.keyring import Purpose
from warehouse.retention import records
from warehouse.retention.requests import (
    OPEN,
    Kind,
    Request,
    RequestError,
    Status,
    add,
    advance,
    extend,
    new_number,
    request,
    requests,
)
from warehouse.store.store import Store

# The privacy policy, section 8: a first answer within five business days, the whole within 30 days.
ANSWER_BUSINESS_DAYS = 5
DUE_DAYS = 30
# GDPR article 12(3): two further months where necessary.
LONGEST_EXTENSION_DAYS = 60


def submit(
    declarations: Declarations,
    store: Store,
    *,
    kind: Kind,
    workspace: str,
    identifiers: Mapping[IdentityKind, str],
    as_of: datetime,
    subject: Subject = Subject.CONTACT,
) -> tuple[Request, Person]:
    """Record one request; nothing is done until the person's identity is confirmed.

    Raises:
        UnknownIdentifierError: An identifier is none of its kind, or the workspace is not known.
        SameRequestError: It is recorded already.
    """
    store.ledger.check_clock(as_of)
    person = find_person(declarations, store, workspace=workspace, identifiers=identifiers, subject=subject)
    naming = records.subject_key(store.keyring)
    who = "\x1f".join((kind.value, workspace, *sorted(person.tokens)))
    recorded = Request(
        number=new_number(),
        subject=records.subject(naming, workspace),
        kind=kind,
        status=Status.RECEIVED,
        same_as=hmac.digest(naming, who.encode(), "sha256").hex()[:32],
        received_at=as_of,
        answer_by=after_business_days(as_of.date(), ANSWER_BUSINESS_DAYS),
        due_on=as_of.date() + timedelta(days=DUE_DAYS),
    )
    for before in requests(store.ledger, statuses=OPEN, kinds=[kind]):
        if before.same_as == recorded.same_as:
            raise SameRequestError(before.number)
    about = {"workspace_id": workspace, "subject": subject.value, "tokens": sorted(person.tokens)}
    add(store.ledger, store.keyring, recorded, about)
    return recorded, person


def confirm(store: Store, number: str, *, how: str, as_of: datetime) -> None:
    """Record that the person's identity was verified, and how; from now on the request is carried out.

    Raises:
        RequestError: It is not open, or confirmed already.
    """
    _move(store, number, Status.VERIFIED, of=(Status.RECEIVED, Status.PAUSED), as_of=as_of, note=how)


def pause(store: Store, number: str, *, why: str, as_of: datetime) -> None:
    """Do nothing for a request until it is confirmed again; its due date stays.

    Raises:
        RequestError: It is not open, or its rows are gone already.
    """
    _move(store, number, Status.PAUSED, of=(Status.RECEIVED, Status.VERIFIED), as_of=as_of, note=why)


def close(store: Store, number: str, status: Status, *, why: str, as_of: datetime) -> None:
    """End a request that the person withdrew, or that was refused, and forget whom it is about.

    Raises:
        RequestError: It is not open, or its rows are gone already.
    """
    _move(store, number, status, of=(Status.RECEIVED, Status.VERIFIED, Status.PAUSED), as_of=as_of, note=why)
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
    return due_on


def after_business_days(day: date, number: int) -> date:
    """Return the day that is so many business days after another; Saturdays and Sundays are none."""
    while number:
        day += timedelta(days=1)
        number -= day.weekday() < 5
    return day


def _move(
    store: Store, number: str, status: Status, *, of: tuple[Status, ...], as_of: datetime, note: str
) -> None:
    found = request(store.ledger, number)
    if found.status not in of:
        raise RequestError(number, f"it is {found.status}, so it cannot be {status}")
    with store.ledger.transaction() as connection:
        advance(connection, number, status, as_of=as_of, note=note)
