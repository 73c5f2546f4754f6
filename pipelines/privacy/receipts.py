"""Write and check receipts of requests: signed, free of personal data, checked with the public key alone.

A receipt is JSON: `receipt`, what is said, and `signature`, Ed25519 (RFC 8032) over its canonical form: keys
sorted, no spaces, UTF-8.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import tink
from tink import json_proto_keyset_format, secret_key_access, signature

from pipelines.declarations.disclosure import load_disclosure
from pipelines.privacy.errors import ReceiptError
from warehouse.files import replace_text
from warehouse.keys.keyring import KeyStore, Purpose
from warehouse.ledger.requests import Kind, Request, Status, finish, history, told
from warehouse.retention import evidence, records
from warehouse.retention.evidence import Entry
from warehouse.retention.plan import ERASURE, GONE
from warehouse.retention.plan_entry import accounts_ended, rows_of
from warehouse.retention.rules import Precedence
from warehouse.store.store import Store

PUBLIC_KEY = "public-key.json"
_SIGNING = "signing"
VERSION = 1
# Rows of an erased person that are not stored any more.
_REFUSED = {Kind.ERASE: "rows of events before the request", Kind.MINOR: "all rows"}


def finish_with_receipt(
    store: Store, request: Request, said: Mapping[str, Any], *, as_of: datetime, proved: str
) -> Path:
    """Write the receipt of a request that was carried out, note it in the evidence, and forget the person.

    Args:
        said: What was done: counts, dates and names of data sets.
        proved: Kind of the entry in the evidence.

    Returns:
        Where the receipt is.
    """
    path = store.home.receipts / f"{request.number}.json"
    _write_signed(store, path, _heading(store, request) | dict(said))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with store.ledger.transaction() as connection:
        evidence.append(
            connection,
            key=store.keyring.get(Purpose.LEDGER, evidence.KEY),
            kind=proved,
            as_of=as_of,
            body={"request": request.number, "receipt": digest},
        )
        finish(connection, request.number, as_of=as_of, receipt=path.name)
    evidence.write_anchor(store.ledger, store.home.keys / evidence.ANCHOR)
    # Last: until here all can be done again.
    store.keyring.destroy(Purpose.REQUEST, request.number)
    return path


def _write_signed(store: Store, path: Path, body: Mapping[str, Any]) -> None:
    """Write a signed receipt, and the public key beside it."""
    handle = _private_keys(store.keyring)
    signed = handle.primitive(signature.PublicKeySign).sign(_canonical(body))
    text = json.dumps({"receipt": body, "signature": base64.b64encode(signed).decode()}, indent=1)
    public = json_proto_keyset_format.serialize_without_secret(handle.public_keyset_handle())
    replace_text(path.with_name(PUBLIC_KEY), public)
    replace_text(path, text)


def check_receipt(receipt: Path, public_key: Path) -> dict[str, Any]:
    """Return what a receipt says, if the owner of the key has signed it.

    Raises:
        ReceiptError: It was changed, signed by somebody else, or is no receipt.
    """
    signature.register()
    for path in (receipt, public_key):
        if not path.is_file():
            raise ReceiptError(f"there is no file {path.name} where it was looked for")
    try:
        handle = json_proto_keyset_format.parse_without_secret(public_key.read_text("utf-8"))
        content = json.loads(receipt.read_text("utf-8"))
        body: dict[str, Any] = content["receipt"]
        handle.primitive(signature.PublicKeyVerify).verify(
            base64.b64decode(content["signature"]), _canonical(body)
        )
    except (tink.TinkError, ValueError, KeyError, TypeError):
        raise ReceiptError("its signature does not fit what it says, or it is no receipt") from None
    return body


def _heading(store: Store, request: Request) -> dict[str, Any]:
    return {
        "version": VERSION,
        "request": request.number,
        "kind": request.kind.value,
        "received_at": request.received_at.isoformat(),
        "identity_verified_at": _steps(store, request).get(Status.VERIFIED),
        "recipients_told": told(store.ledger, request.number),
    }


def erased(
    store: Store, request: Request, *, chain: Sequence[Entry], as_of: datetime, searched: Sequence[str]
) -> dict[str, Any]:
    """Return what the receipt of an erasure says.

    Args:
        chain: The evidence.
        searched: Data sets in which no row of the person was found.
    """
    rule = f"{ERASURE} {request.number}"
    applied = [entry for entry in chain if _rows(entry, rule)]
    return _erasure(
        applied,
        [row for entry in applied for row in _rows(entry, rule)],
        deleted_at=_steps(store, request).get(Status.REWRITTEN),
        refused=_REFUSED[request.kind],
        as_of=as_of,
        searched=searched,
    )


def account_erased(
    store: Store, workspace: str, *, chain: Sequence[Entry], as_of: datetime, searched: Sequence[str]
) -> dict[str, Any]:
    """Return what the receipt or certificate of a whole account says, as `erased` does of a person.

    Rows are counted where no other account ended in the same pass: the evidence counts them together.
    """
    subject = records.subject(records.subject_key(store.keyring), workspace)
    ends = [entry for entry in chain if subject in accounts_ended(entry)]
    alone = [entry for entry in ends if len(accounts_ended(entry)) == 1]
    said = _erasure(
        ends,
        [row for entry in alone for row in _rows(entry, Precedence.TERMINATION)],
        deleted_at=ends[-1].as_of.isoformat() if ends else None,
        refused=_REFUSED[Kind.MINOR],
        as_of=as_of,
        searched=searched,
    )
    return said | {"is_counted_alone": len(alone) == len(ends)}


def write_certificate(store: Store, path: Path, workspace: str, said: Mapping[str, Any]) -> None:
    """Write a signed certificate that an account is gone, and the public key beside it."""
    body = {"version": VERSION, "workspace": workspace, "kind": Kind.ERASE.value} | dict(said)
    _write_signed(store, path, body)


def _erasure(
    entries: Sequence[Entry],
    rows: Sequence[Mapping[str, Any]],
    *,
    deleted_at: str | None,
    refused: str,
    as_of: datetime,
    searched: Sequence[str],
) -> dict[str, Any]:
    """Return what is said of every erasure, from the evidence and its rows."""
    k = load_disclosure().minimum_contacts
    return {
        "rows_deleted_at": deleted_at,
        "searched_at": as_of.isoformat(),
        "deleted": [_counted(row) for row in rows if row["to"] == GONE],
        "kept_under_legal_hold": [_counted(row) for row in rows if row["to"] != GONE],
        "kept_for_other_reasons": {
            "published_tables": f"They count groups of at least {k} people and hold no one's rows.",
            "invoices_and_payments": "Statutory retention; they name no contact.",
        },
        "refused_from_now_on": refused,
        "searched": list(searched),
        "rows_found": 0,
        "evidence": [{"entry": entry.seq, "hash": entry.hash} for entry in entries],
    }


def _steps(store: Store, request: Request) -> dict[str, str]:
    """Return the steps of a request's history → when each was last taken."""
    return {step.what: step.as_of.isoformat() for step in history(store.ledger, request.number)}


def _rows(entry: Entry, rule: str) -> list[Mapping[str, Any]]:
    return [row for row in rows_of(entry) if row["rule"] == rule]


def _counted(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"data_set": row["data_set"], "category": row["category"], "rows": row["rows"]}


def _private_keys(keyring: KeyStore) -> tink.KeysetHandle:
    signature.register()
    if not keyring.has(Purpose.RECEIPT, _SIGNING):
        handle = tink.new_keyset_handle(signature.signature_key_templates.ED25519)
        text = json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN)
        keyring.seal(Purpose.RECEIPT, _SIGNING, text.encode())
    text = keyring.unseal(Purpose.RECEIPT, _SIGNING).decode()
    return json_proto_keyset_format.parse(text, secret_key_access.TOKEN)


def _canonical(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
