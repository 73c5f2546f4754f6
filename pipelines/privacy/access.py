"""Give a person a copy of all that is held about them, and of nobody else (GDPR articles 15 and 20)."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl
import pyzipper

from pipelines.declarations.contract import Contract
from pipelines.declarations.declarations import Declarations
from pipelines.pages import pages
from pipelines.privacy.erasures import person_of
from pipelines.privacy.people import rows_of
from warehouse.files import replacing
from warehouse.keys.keyring import Purpose
from warehouse.ledger.requests import Kind, RequestError, Status, finish, request
from warehouse.progress import Progress, silent
from warehouse.store.store import Store

_WORD_BYTES = 18


@dataclass(frozen=True, slots=True)
class Copy:
    """Say what a copy holds; ``passphrase`` opens it and is kept nowhere."""

    rows: int
    data_sets: int
    passphrase: str


def write_copy(
    declarations: Declarations,
    store: Store,
    number: str,
    path: Path,
    *,
    as_of: datetime,
    progress: Progress = silent,
) -> Copy:
    """Write everything held about the person of a request into an encrypted zip file, and close the request.

    Names and texts of messages are not in the store; the page in the file says which systems have them. What
    is under a legal hold is out of sight, and not in the file.

    Returns:
        How much is in it. The file has `index.html`, `data.json` and a CSV file per data set (AES-256, as
        WinZip and 7-Zip read it).

    Raises:
        RequestError: It asks for something else, or the person's identity was not verified.
    """
    found = request(store.ledger, number)
    if found.kind not in (Kind.ACCESS, Kind.PORTABILITY) or found.status is not Status.VERIFIED:
        raise RequestError(
            number, f"it is of type {found.kind} and {found.status}; confirm one of access first"
        )
    person = person_of(declarations, store, found)
    passphrase = secrets.token_urlsafe(_WORD_BYTES)
    tables: dict[str, pl.DataFrame] = {}
    contracts = [c for c in declarations.contracts.values() if c.subject.value == person.subject]
    for done, contract in enumerate(contracts):
        progress("search", done, len(contracts))
        if not (rows := rows_of(store, contract, person.workspace_id, person.tokens)).is_empty():
            tables[contract.source] = rows
    rules = declarations.policy.version_at(as_of.date()).categories
    described = [
        {
            "contract": declarations.contracts[source],
            "columns": list(_columns(declarations.contracts[source], rows)),
            "rows": rows.rows(),
            "rule": rules[declarations.contracts[source].policy],
        }
        for source, rows in tables.items()
    ]
    text = pages().get_template("copy.html.j2").render(tables=described, as_of=as_of, number=number)
    as_json = {source: rows.to_dicts() for source, rows in tables.items()}
    with (
        replacing(path) as temporary,
        pyzipper.AESZipFile(
            temporary, "w", compression=pyzipper.ZIP_DEFLATED, encryption=pyzipper.WZ_AES
        ) as archive,
    ):
        archive.setpassword(passphrase.encode())
        archive.writestr("index.html", text)
        archive.writestr("data.json", json.dumps(as_json, default=str, indent=1, ensure_ascii=False))
        for source, rows in tables.items():
            archive.writestr(f"{source}.csv", rows.write_csv())
    path.chmod(0o600)
    with store.ledger.transaction() as connection:
        finish(connection, number, as_of=as_of, receipt="")
    store.keyring.destroy(Purpose.REQUEST, number)
    return Copy(sum(rows.height for rows in tables.values()), len(tables), passphrase)


def _columns(contract: Contract, rows: pl.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield name and meaning of each stored column."""
    described = {contract.stored_name(name): column.description for name, column in contract.columns.items()}
    for name in rows.columns:
        yield name, described.get(name, "Added when the row was stored.")
