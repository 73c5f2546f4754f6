"""Give a person a copy of all that is held about them, and a workspace's owner one of all that is its.

GDPR articles 15 and 20. The copy of a person holds nobody else's rows.
"""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import cast

import polars as pl
import pyzipper

from pipelines.declarations.contract import Contract, Subject
from pipelines.declarations.declarations import Declarations
from pipelines.pages import pages
from pipelines.privacy.erasures import person_of
from pipelines.privacy.people import naming
from pipelines.windows.inputs import tokens_of_people
from warehouse.files import replacing
from warehouse.keys.keyring import Purpose
from warehouse.ledger.requests import Kind, RequestError, Status, finish, request
from warehouse.progress import Progress, silent
from warehouse.retention.rules import Erasure
from warehouse.store.connection import quoted
from warehouse.store.reading import read_batches
from warehouse.store.store import Store

_WORD_BYTES = 18


@dataclass(frozen=True, slots=True)
class Copy:
    """Say what a copy holds; ``passphrase`` opens it and is kept nowhere."""

    rows: int
    data_sets: int
    passphrase: str


@dataclass(frozen=True, slots=True)
class _Copied:
    """Hold what was copied of a data set: how many rows, and of a person's the rows themselves."""

    contract: Contract
    height: int
    rows: pl.DataFrame | None


def write_copy(
    declarations: Declarations,
    store: Store,
    number: str,
    path: Path,
    *,
    as_of: datetime,
    progress: Progress = silent,
) -> Copy:
    """Write everything held about whom a request is about into an encrypted zip file, and close the request.

    Names and texts of messages are not in the store; the page in the file says which systems have them. What
    is under a legal hold is out of sight, and not in the file.

    Returns:
        How much is in it. The file has `index.html` and a CSV file per data set, of a person also
        `data.json` (AES-256, as WinZip and 7-Zip read it).

    Raises:
        RequestError: It asks for something else, or the person's identity was not verified.
    """
    found = request(store.ledger, number)
    if found.kind not in (Kind.ACCESS, Kind.PORTABILITY) or found.status is not Status.VERIFIED:
        raise RequestError(
            number, f"it is of type {found.kind} and {found.status}; confirm one of access first"
        )
    about = person_of(declarations, store, found)
    passphrase = secrets.token_urlsafe(_WORD_BYTES)
    with (
        replacing(path) as temporary,
        pyzipper.AESZipFile(
            temporary, "w", compression=pyzipper.ZIP_DEFLATED, encryption=pyzipper.WZ_AES
        ) as archive,
    ):
        archive.setpassword(passphrase.encode())
        copied = [*_write_tables(archive, declarations, store, about, progress)]
        archive.writestr("index.html", _page(declarations, copied, number=number, as_of=as_of, about=about))
        if about.subject != Subject.WORKSPACE:
            as_json = {each.contract.source: each.rows.to_dicts() for each in copied if each.rows is not None}
            archive.writestr("data.json", json.dumps(as_json, default=str, indent=1, ensure_ascii=False))
    path.chmod(0o600)
    with store.ledger.transaction() as connection:
        finish(connection, number, as_of=as_of, receipt="")
    store.keyring.destroy(Purpose.REQUEST, number)
    return Copy(sum(each.height for each in copied), len(copied), passphrase)


def _write_tables(
    archive: pyzipper.AESZipFile,
    declarations: Declarations,
    store: Store,
    about: Erasure,
    progress: Progress,
) -> Iterator[_Copied]:
    """Write a CSV file for each data set that has rows, some rows at a time."""
    wanted = list(_wanted(declarations, about))
    for done, (contract, where) in enumerate(wanted):
        progress("copy", done, len(wanted))
        batches = _batches(store, contract, where)
        first = next(batches, None)
        if first is None:
            continue
        kept, height = [], 0
        with archive.open(f"{contract.source}.csv", "w", force_zip64=True) as member:
            for frame in chain([first], batches):
                member.write(frame.write_csv(include_header=not height).encode())
                height += frame.height
                if about.subject != Subject.WORKSPACE:
                    kept.append(frame)
        yield _Copied(contract, height, pl.concat(kept) if kept else None)


def _wanted(declarations: Declarations, about: Erasure) -> Iterator[tuple[Contract, str]]:
    """Yield the data sets that may hold rows, each with the condition on them."""
    for contract in declarations.contracts.values():
        is_owned = any(name == "workspace_id" for name, _ in contract.plan.stored_columns())
        if about.subject == Subject.WORKSPACE and is_owned:
            yield contract, f"workspace_id = {quoted(about.workspace_id)}"
        elif contract.subject.value == about.subject and tokens_of_people(contract):
            yield contract, naming(contract, about.workspace_id, about.tokens)


def _batches(store: Store, contract: Contract, where: str) -> Iterator[pl.DataFrame]:
    """Yield the rows of a data set, never none at a time."""
    for batch in read_batches(
        store,
        contract.source,
        schema=contract.plan.stored_columns(),
        where=where,
    ):
        if batch.num_rows:
            yield cast("pl.DataFrame", pl.from_arrow(batch))


def _page(
    declarations: Declarations, copied: list[_Copied], *, number: str, as_of: datetime, about: Erasure
) -> str:
    rules = declarations.policy.version_at(as_of.date()).categories
    described = [
        {
            "contract": each.contract,
            "columns": list(_columns(each.contract)),
            "height": each.height,
            "rows": each.rows.rows() if each.rows is not None else (),
            "rule": rules[each.contract.policy],
        }
        for each in copied
    ]
    template = pages().get_template("copy.html.j2")
    is_workspace = about.subject == Subject.WORKSPACE
    return template.render(tables=described, as_of=as_of, number=number, is_workspace=is_workspace)


def _columns(contract: Contract) -> Iterator[tuple[str, str]]:
    """Yield name and meaning of each stored column."""
    described = {contract.stored_name(name): column.description for name, column in contract.columns.items()}
    for name, _ in contract.plan.stored_columns():
        yield name, described.get(name, "Added when the row was stored.")
