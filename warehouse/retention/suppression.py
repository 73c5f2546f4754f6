"""Refuse rows of erased persons: replays, late events and restored backups bring nobody back.

What is kept of a person is a keyed hash of each of the person's tokens, under a key of the workspace that is
used for nothing else: it tells nothing without the key, and is gone with the account. The first 32 bits of
the token are kept with it, encrypted under that key: few tokens begin like an erased one, so few are hashed.
"""

import hmac
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import polars as pl
import pyarrow as pa

from warehouse.keys.keyring import KeyStore, Purpose
from warehouse.ledger.ledger import Ledger
from warehouse.ledger.requests import WITH_PERSON, Status, advance
from warehouse.retention import records
from warehouse.retention.rules import Erasure
from warehouse.store.sketches import CHARACTERS

_BYTES = 16
_BEGINNING = "beginning"
# Of rows that are refused whenever they happened.
_ALWAYS = datetime(9999, 12, 31)  # noqa: DTZ001  naive UTC, like all times here


@dataclass(frozen=True, slots=True)
class Suppressed:
    """Hold the erased tokens of one workspace.

    Attributes:
        until: Keyed hash → rows of up to which time are refused.
        beginnings: How the tokens begin.
    """

    key: bytes
    until: Mapping[bytes, datetime]
    beginnings: frozenset[str]

    def find(self, tokens: pl.Series, *, subject: str) -> dict[str, datetime]:
        """Return those of some tokens that are erased, each with when its rows are no longer refused."""
        alike = tokens.filter(tokens.str.head(CHARACTERS).is_in(self.beginnings)).unique().to_list()
        hashes = {token: hidden(self.key, token, subject=subject) for token in alike}
        return {token: self.until[h] for token, h in hashes.items() if h in self.until}


def hidden(key: bytes, token: str, *, subject: str) -> bytes:
    """Return what is kept of an erased token: HMAC-SHA-256, 16 bytes.

    Args:
        subject: What the person is to the workspace: erasing a contact does not erase a member.
    """
    return hmac.digest(key, f"{subject}\x1f{token}".encode(), "sha256")[:_BYTES]


def _sealed(key: bytes, hashed: bytes, beginning: bytes) -> bytes:
    """Encrypt how a token begins, or decrypt it: each hash gives a pad of its own."""
    pad = hmac.digest(key, _BEGINNING.encode() + hashed, "sha256")
    return bytes(a ^ b for a, b in zip(beginning, pad, strict=False))


def _kept(key: bytes, token: str, *, subject: str) -> bytes:
    """Return what the ledger keeps of an erased token: its hash, and how it begins."""
    hashed = hidden(key, token, subject=subject)
    return hashed + _sealed(key, hashed, token[:CHARACTERS].encode())


def suppress(
    connection: sqlite3.Connection,
    erasures: Sequence[Erasure],
    *,
    keyring: KeyStore,
    subject_key: bytes,
    as_of: datetime,
) -> None:
    """Remember erased tokens, and that their rows are gone; inside the caller's transaction."""
    for erasure in erasures:
        key = keyring.get(Purpose.SUPPRESSION, erasure.workspace_id)
        workspace = records.subject(subject_key, erasure.workspace_id)
        until = erasure.until.isoformat() if erasure.until else None
        connection.executemany(
            "insert into suppressed values (?, ?, ?, ?) on conflict (subject, token) do update set "
            "until = case when until is null or excluded.until is null then null "
            "else max(until, excluded.until) end, number = excluded.number",
            [
                (workspace, _kept(key, token, subject=erasure.subject), until, erasure.number)
                for token in sorted(erasure.tokens)
            ],
        )
        advance(connection, erasure.number, Status.REWRITTEN, as_of=as_of)


def keep_copy(ledger: Ledger, keyring: KeyStore, workspace: str) -> None:
    """Seal beside the keys what is refused and asked in a workspace: a restored ledger may have lost it."""
    subject = records.subject(records.subject_key(keyring), workspace)
    rows = ledger.read("select token, until, number from suppressed where subject = ?", subject)
    asked = ledger.read("select * from privacy_requests where subject = ?", subject)
    steps = _steps(ledger)
    copy = {
        "suppressed": [[bytes(row["token"]).hex(), row["until"], row["number"]] for row in rows],
        "requests": {row["number"]: list(row) for row in asked},
        "reached": {row["number"]: [steps[row["number"]], row["status"]] for row in asked},
    }
    keyring.seal(Purpose.SUPPRESSED, workspace, json.dumps(copy).encode())


def _steps(ledger: Ledger) -> Counter[str]:
    """Count the recorded steps of each request."""
    rows = ledger.read("select number, count(*) as steps from privacy_request_log group by number")
    return Counter({row["number"]: row["steps"] for row in rows})


def put_back(ledger: Ledger, keyring: KeyStore, workspace: str, *, as_of: datetime) -> dict[bytes, str]:
    """Refuse again what a restored ledger has lost of a workspace, and make the requests behind it due again.

    Whom each of these is about has to be sealed anew. All other requests are again as far as they were.

    Returns:
        Keyed hash of each token that was lost → number of its request.
    """
    if not keyring.has(Purpose.SUPPRESSED, workspace):
        return {}
    copy = json.loads(keyring.unseal(Purpose.SUPPRESSED, workspace))
    subject = records.subject(records.subject_key(keyring), workspace)
    known = {
        bytes(r["token"]) for r in ledger.read("select token from suppressed where subject = ?", subject)
    }
    lost = [(bytes.fromhex(token), until, number) for token, until, number in copy["suppressed"]]
    lost = [each for each in lost if each[0] not in known]
    steps, reopened = _steps(ledger), {number: Status.VERIFIED for _, _, number in lost}
    for number, (reached, status) in copy.get("reached", {}).items():
        # An open one without the person has ended since.
        if steps[number] < reached and (status not in WITH_PERSON or keyring.has(Purpose.REQUEST, number)):
            reopened.setdefault(number, Status(status))
    with ledger.transaction() as connection:
        connection.executemany(
            "insert into suppressed values (?, ?, ?, ?)", [(subject, *each) for each in lost]
        )
        for number, status in sorted(reopened.items()):
            cells = copy["requests"][number]
            connection.execute(f"replace into privacy_requests values ({', '.join('?' * len(cells))})", cells)
            advance(connection, number, status, as_of=as_of, note="put back: the ledger was restored")
    return {token[:_BYTES]: number for token, _, number in lost}


def forget_suppressed(connection: sqlite3.Connection, subjects: Iterable[str]) -> None:
    """Forget whom workspaces have erased, when their keys go: by another key, nobody has these tokens."""
    connection.executemany("delete from suppressed where subject = ?", [(each,) for each in subjects])


def suppressed(ledger: Ledger, keyring: KeyStore, workspaces: Iterable[str]) -> dict[str, Suppressed]:
    """Return what is refused of some workspaces; those of which nobody was erased are left out."""
    known = {row["subject"] for row in ledger.read("select distinct subject from suppressed")}
    if not known:
        return {}
    naming = records.subject_key(keyring)
    found = {}
    for workspace in workspaces:
        subject = records.subject(naming, workspace)
        if subject not in known:
            continue
        rows = ledger.read("select token, until from suppressed where subject = ?", subject)
        key = keyring.find(Purpose.SUPPRESSION, workspace)
        until, beginnings = {}, set()
        for row in rows:
            hashed, sealed = row["token"][:_BYTES], row["token"][_BYTES:]
            until[hashed] = datetime.fromisoformat(row["until"]) if row["until"] else _ALWAYS
            beginnings.add(_sealed(key, hashed, sealed).decode())
        found[workspace] = Suppressed(key, until, frozenset(beginnings))
    return found


def refused(
    rows: pa.Table,
    erased: Mapping[str, Suppressed],
    *,
    subject: str,
    tokens: Sequence[str],
    time: str | None,
) -> pl.Series:
    """Return for each of n rows whether it is of an erased person and may not be stored.

    Args:
        rows: As they would be stored, with `workspace_id`.
        subject: Whom the rows are about.
        tokens: Columns that name a person or a message.
        time: Column that says when a row happened; rows without a time are refused.
    """
    is_refused = pl.repeat(value=False, n=rows.num_rows, dtype=pl.Boolean, eager=True)
    if not erased:
        return is_refused
    columns = ["workspace_id", *tokens, *([time] if time else [])]
    frame = cast("pl.DataFrame", pl.from_arrow(rows.select(columns)))
    at = frame[time] if time else pl.Series([None] * frame.height, dtype=pl.Datetime("us"))
    for workspace, known in erased.items():
        of_workspace = frame["workspace_id"] == workspace
        if not of_workspace.any():
            continue
        for column in tokens:
            if found := known.find(frame[column].filter(of_workspace), subject=subject):
                until = frame[column].replace_strict(found, default=None, return_dtype=pl.Datetime("us"))
                is_refused |= of_workspace & until.is_not_null() & (at <= until).fill_null(value=True)
    return is_refused
