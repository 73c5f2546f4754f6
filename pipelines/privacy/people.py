"""Find out who a data subject is: from an identifier to all tokens of the person in one workspace."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import cast

import polars as pl

from anonymizers.identity import normalise
from anonymizers.tokens import token
from anonymizers.treatments import IdentityKind
from pipelines.declarations.contract import OF_CONTACTS, Contract, Subject
from pipelines.declarations.declarations import Declarations, view_schema
from pipelines.identities import connected
from pipelines.privacy.errors import UnknownIdentifierError
from pipelines.windows.inputs import OWN_MESSAGE, WORKSPACES, tokens_of_people
from warehouse.keys.keyring import Purpose
from warehouse.store.connection import identifier, quoted
from warehouse.store.reading import read_columns
from warehouse.store.store import Store


@dataclass(frozen=True, slots=True)
class Person:
    """Hold what a person is known by in one workspace.

    Attributes:
        subject: What the person is to the workspace: a contact or a member.
        tokens: Of all identifiers that rows of the store connect with the ones given.
        kinds: How many tokens there are of each kind of identifier.
        is_shared: An identifier stands beside so many others that it is nobody's own (a reception's number):
            what it is connected with was not followed, and a person has to look.
    """

    workspace_id: str
    subject: Subject
    tokens: frozenset[str] = field(repr=False)
    kinds: Mapping[str, int]
    is_shared: bool


def find_person(
    declarations: Declarations,
    store: Store,
    *,
    workspace: str,
    identifiers: Mapping[IdentityKind, str],
    subject: Subject = Subject.CONTACT,
) -> Person:
    """Resolve identifiers of one person; the same person in another workspace is another request.

    Raises:
        UnknownIdentifierError: One is no identifier of its kind, or nobody of the workspace was ever stored.
    """
    if not store.keyring.has(Purpose.PSEUDONYM, workspace):
        raise UnknownIdentifierError("the workspace has no data here")
    if subject is Subject.WORKSPACE:
        return Person(workspace, subject, frozenset(), {}, is_shared=False)
    key = store.keyring.find(Purpose.PSEUDONYM, workspace)
    region = pl.Series([region_of(declarations, store, workspace)], dtype=pl.String)
    given: dict[str, str] = {}
    for kind, value in identifiers.items():
        spelt = normalise(pl.Series([value], dtype=pl.String), kind=kind, regions=region)[0]
        if spelt is None:
            raise UnknownIdentifierError(f"what was given is no {kind.value.replace('_', ' ')}")
        given[token(spelt, kind=kind, key=key)] = kind.value
    return person_by_tokens(declarations, store, workspace=workspace, given=given, subject=subject)


def person_by_tokens(
    declarations: Declarations,
    store: Store,
    *,
    workspace: str,
    given: Mapping[str, str],
    subject: Subject = Subject.CONTACT,
) -> Person:
    """Return whom some tokens are of.

    Args:
        given: Token → what kind of identifier it stands for.
    """
    if subject is not Subject.CONTACT:
        return Person(workspace, subject, frozenset(given), _counted(given.values()), is_shared=False)
    known = connected(declarations, store).filter(pl.col("workspace_id") == workspace)
    named = known.filter(pl.col("token").is_in(list(given)))
    same = known.filter(pl.col("contact_token").is_in(named["contact_token"].implode()))
    kinds = {**given, **{row["token"]: OF_CONTACTS[row["kind"]].value for row in same.iter_rows(named=True)}}
    is_shared = bool(named["is_shared"].any())
    return Person(workspace, subject, frozenset(kinds), _counted(kinds.values()), is_shared)


def named_messages(
    declarations: Declarations, store: Store, workspace: str, subject: Subject
) -> pl.DataFrame:
    """Return which rows of a workspace name a message and people: `message`, and their tokens, `named`."""
    found = [pl.DataFrame(schema={"message": pl.String, "named": pl.List(pl.String)})]
    for contract in declarations.contracts.values():
        people = [name for name in tokens_of_people(contract) if name != OWN_MESSAGE]
        if contract.subject is not subject or len(people) in (0, len(tokens_of_people(contract))):
            continue
        table = read_columns(
            store.home,
            ledger=store.ledger,
            engine=store.engine,
            source=contract.source,
            schema=view_schema(contract),
            columns=[OWN_MESSAGE, *people],
            where=f"workspace_id = {quoted(workspace)} and {identifier(OWN_MESSAGE)} is not null",
            distinct=True,
        )
        rows = cast("pl.DataFrame", pl.from_arrow(table))
        found.append(
            rows.select(message=OWN_MESSAGE, named=pl.concat_list(people).list.drop_nulls()).filter(
                pl.col("named").list.len() > 0
            )
        )
    return pl.concat(found)


def rows_of(
    store: Store, contract: Contract, workspace: str, tokens: Collection[str], *, deleted: bool = False
) -> pl.DataFrame:
    """Return the rows of a data set in which one of some tokens stands, with all stored columns.

    Args:
        deleted: Whether rows that their source has deleted are among them.
    """
    if not tokens_of_people(contract):
        return pl.DataFrame()
    columns = contract.plan.stored_columns()
    table = read_columns(
        store.home,
        ledger=store.ledger,
        engine=store.engine,
        source=contract.source,
        schema=columns,
        columns=[name for name, _ in columns],
        deleted=deleted,
        where=naming(contract, workspace, tokens),
    )
    return cast("pl.DataFrame", pl.from_arrow(table))


def naming(contract: Contract, workspace: str, tokens: Collection[str]) -> str:
    """Return the condition in SQL that one of some tokens stands in a row of a workspace."""
    listed = ", ".join(map(quoted, sorted(tokens)))
    named = [f"{identifier(name)} in ({listed})" for name in tokens_of_people(contract)]
    return f"workspace_id = {quoted(workspace)} and ({' or '.join(named)})"


def messages_of(named: pl.DataFrame, people: Collection[str]) -> frozenset[str]:
    """Return the messages that only this person sent or got: rows may name a message and nobody.

    Args:
        named: As `named_messages` gives it.
    """
    is_mine = named["named"].list.eval(pl.element().is_in(list(people))).list.any()
    return frozenset(named.filter(is_mine)["message"]) - frozenset(named.filter(~is_mine)["message"])


def region_of(declarations: Declarations, store: Store, workspace: str) -> str | None:
    """Return the country in which the workspace's numbers may be written as they are dialled there."""
    contract = declarations.contracts[WORKSPACES]
    rows = store.reader.read(
        WORKSPACES, schema=contract.plan.stored_columns(), columns=("workspace_id", "country")
    )
    countries = [row["country"] for row in rows.to_pylist() if row["workspace_id"] == workspace]
    return next(iter(countries), None)


def _counted(kinds: Collection[str]) -> dict[str, int]:
    return {kind: list(kinds).count(kind) for kind in sorted(set(kinds))}
