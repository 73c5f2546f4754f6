"""Keep requests of data subjects in the ledger: what is asked, by when, how far it is. Never about whom.

Who asks is sealed beside the keys under the number of the request, and destroyed when the request is done.
"""

import json
import secrets
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from warehouse.errors import WarehouseError
from warehouse.keys.keyring import LONGEST_UNNEEDED, KeyRing, KeyStore, Purpose
from warehouse.ledger.ledger import Ledger

# Letters that make no words.
_LETTERS = "bcdfghjkmnpqrstvwxz"
_NUMBER_LENGTH = 8


class Kind(StrEnum):
    """Name the right that is exercised (GDPR articles 15 to 21); `minor`: of a person under 16."""

    ERASE = "erase"
    MINOR = "minor"
    ACCESS = "access"
    PORTABILITY = "portability"
    CORRECT = "correct"
    RESTRICT = "restrict"
    OBJECT = "object"
    CONSENT_WITHDRAWN = "consent-withdrawn"


class Status(StrEnum):
    """Name how far a request is."""

    RECEIVED = "received"
    VERIFIED = "verified"
    PAUSED = "paused"
    REWRITTEN = "rewritten"
    RESTRICTED = "restricted"
    LIFTED = "lifted"
    DONE = "done"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"


# In a request's history: a recipient of the data was told.
TOLD = "told"

OPEN = (Status.RECEIVED, Status.VERIFIED, Status.PAUSED, Status.REWRITTEN)
# Of these it must be known whom they are about.
WITH_PERSON = (*OPEN, Status.RESTRICTED)
ERASING = (Kind.ERASE, Kind.MINOR)
# Rows stay, and are out of every model and query until the request is lifted.
RESTRICTING = (Kind.RESTRICT, Kind.OBJECT, Kind.CONSENT_WITHDRAWN)


class RequestError(WarehouseError):
    """Report that a request cannot be found, or not do what is asked."""

    def __init__(self, number: str, reason: str) -> None:
        super().__init__(f"Request {number}: {reason}.")


@dataclass(frozen=True, slots=True)
class Request:
    """Hold one request; times are naive UTC.

    Attributes:
        number: Opaque; stands for the person everywhere.
        subject: Keyed hash of the workspace.
        same_as: Keyed hash of kind, workspace and person: equal for a request made twice.
        answer_by: Last day for a first answer; ``due_on``: for the whole.
        receipt: Name of the receipt, once done.
    """

    number: str
    subject: str
    kind: Kind
    status: Status
    same_as: str
    received_at: datetime
    answer_by: date
    due_on: date
    done_at: datetime | None = None
    receipt: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Count open requests of one kind and status; ages in whole days."""

    kind: Kind
    status: Status
    requests: int
    oldest_days: int
    next_due: date


@dataclass(frozen=True, slots=True)
class Logged:
    """Hold one step of a request's history."""

    at: datetime
    as_of: datetime
    what: str
    note: str


def restricted(ledger: Ledger, keyring: KeyStore) -> list[tuple[str, str, str | None]]:
    """Return workspace and token of whose rows no model and no query may see; of one data set; None = all."""
    return [
        (who["workspace_id"], token, source)
        for request in requests(ledger, statuses=[Status.RESTRICTED])
        for who in [about(keyring, request.number)]
        for token in [*who["tokens"], *who["messages"]]
        for source in who.get("data_sets", [None])
    ]


def new_number() -> str:
    """Return a number that tells nothing."""
    return "rq_" + "".join(secrets.choice(_LETTERS) for _ in range(_NUMBER_LENGTH))


def reseal(keyring: KeyStore, number: str, about: Mapping[str, Any]) -> None:
    """Seal whom a request is about, in place of what was sealed before."""
    keyring.seal(Purpose.REQUEST, number, json.dumps(about).encode())


def add(ledger: Ledger, keyring: KeyStore, request: Request, about: Mapping[str, Any]) -> None:
    """Record a request and seal whom it is about.

    Args:
        about: JSON: workspace and tokens.
    """
    # First: a request that is listed without its person could never be carried out.
    reseal(keyring, request.number, about)
    with ledger.transaction() as connection:
        connection.execute(
            "insert into privacy_requests values (?, ?, ?, ?, ?, ?, ?, ?, null, null)",
            (
                request.number,
                request.subject,
                request.kind,
                request.status,
                request.same_as,
                request.received_at.isoformat(),
                request.answer_by.isoformat(),
                request.due_on.isoformat(),
            ),
        )
        log(connection, request.number, "received", as_of=request.received_at)


def about(keyring: KeyStore, number: str) -> dict[str, Any]:
    """Return whom a request is about, as `add` was given it.

    Raises:
        KeyringError: It is done, and forgotten.
    """
    found: dict[str, Any] = json.loads(keyring.unseal(Purpose.REQUEST, number))
    return found


def sealed_numbers(ledger: Ledger) -> list[str]:
    """Return the numbers of the requests of which it must be known whom they are about."""
    return [each.number for each in requests(ledger, statuses=WITH_PERSON)]


def forget_closed(ledger: Ledger, keyring: KeyRing) -> None:
    """Destroy whom no request is about any more: a kill may have come after its end, or before its record."""
    keyring.destroy_besides(Purpose.REQUEST, sealed_numbers(ledger), older_than=LONGEST_UNNEEDED)


def requests(
    ledger: Ledger, *, statuses: Sequence[Status] = tuple(Status), kinds: Sequence[Kind] = tuple(Kind)
) -> list[Request]:
    """List requests, those due first."""
    marks, of_kinds = ",".join("?" * len(statuses)), ",".join("?" * len(kinds))
    rows = ledger.read(
        f"select * from privacy_requests where status in ({marks}) and kind in ({of_kinds}) "
        "order by due_on, number",
        *statuses,
        *kinds,
    )
    return [_request(row) for row in rows]


def waiting(ledger: Ledger, *, today: date) -> list[Waiting]:
    """Count the requests that are open, by kind and status; ages and dates, and nobody."""
    groups: dict[tuple[Kind, Status], list[Request]] = defaultdict(list)
    for each in requests(ledger, statuses=WITH_PERSON):
        groups[each.kind, each.status].append(each)
    return [
        Waiting(
            kind,
            status,
            requests=len(group),
            oldest_days=max((today - each.received_at.date()).days for each in group),
            next_due=min(each.due_on for each in group),
        )
        for (kind, status), group in sorted(groups.items())
    ]


def request(ledger: Ledger, number: str) -> Request:
    """Return one request.

    Raises:
        RequestError: There is none of that number.
    """
    rows = ledger.read("select * from privacy_requests where number = ?", number)
    if not rows:
        raise RequestError(number, "there is none of this number; `wasms privacy list` shows all")
    return _request(rows[0])


def history(ledger: Ledger, number: str) -> list[Logged]:
    """Return what happened to a request, oldest first."""
    rows = ledger.read("select * from privacy_request_log where number = ? order by rowid", number)
    return [
        Logged(datetime.fromisoformat(r["at"]), datetime.fromisoformat(r["as_of"]), r["what"], r["note"])
        for r in rows
    ]


def advance(
    connection: sqlite3.Connection, number: str, status: Status, *, as_of: datetime, note: str = ""
) -> None:
    """Move a request to a status, and log it; inside the caller's transaction."""
    connection.execute("update privacy_requests set status = ? where number = ?", (status, number))
    log(connection, number, status, as_of=as_of, note=note)


def extend(connection: sqlite3.Connection, number: str, due_on: date, *, as_of: datetime, note: str) -> None:
    """Give a request more time, with the reason that the person is told (GDPR article 12(3))."""
    connection.execute(
        "update privacy_requests set due_on = ? where number = ?", (due_on.isoformat(), number)
    )
    log(connection, number, "extended", as_of=as_of, note=note)


def finish(connection: sqlite3.Connection, number: str, *, as_of: datetime, receipt: str) -> None:
    """Record that a request is done and where its receipt is."""
    connection.execute(
        "update privacy_requests set done_at = ?, receipt = ? where number = ?",
        (as_of.isoformat(), receipt, number),
    )
    advance(connection, number, Status.DONE, as_of=as_of)


def tell(connection: sqlite3.Connection, number: str, recipient: str, *, as_of: datetime) -> None:
    """Record that a recipient of the data was told of the request (GDPR article 19)."""
    log(connection, number, TOLD, as_of=as_of, note=recipient)


def told(ledger: Ledger, number: str) -> list[str]:
    """Return which recipients were told of a request, in the order of that."""
    return list(dict.fromkeys(step.note for step in history(ledger, number) if step.what == TOLD))


def log(connection: sqlite3.Connection, number: str, what: str, *, as_of: datetime, note: str = "") -> None:
    """Add a step to a request's history; ``note`` says how or why, and names nobody."""
    connection.execute(
        "insert into privacy_request_log values (?, datetime('now'), ?, ?, ?)",
        (number, as_of.isoformat(), what, note),
    )


def _request(row: sqlite3.Row) -> Request:
    done_at = row["done_at"]
    return Request(
        row["number"],
        row["subject"],
        Kind(row["kind"]),
        Status(row["status"]),
        row["same_as"],
        datetime.fromisoformat(row["received_at"]),
        date.fromisoformat(row["answer_by"]),
        date.fromisoformat(row["due_on"]),
        datetime.fromisoformat(done_at) if done_at else None,
        row["receipt"],
    )
