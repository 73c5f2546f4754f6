"""Find out who a data subject is: from an identifier to all tokens of the person in one workspace."""

from collections.abc import Collection, Mapping, Sequence
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
from warehouse.store.reading import read_cached, read_columns
from warehouse.store.store import Store

_PERSONS = {"person": pl.UInt32, "workspace_id": pl.String, "token": pl.String}
_NAMED = pl.Schema([("workspace_id", pl.String), ("message", pl.String), ("token", pl.List(pl.String))])


@dataclass(frozen=True, slots=True)
class Person:
    """Hold what a person is known by in one workspace.

    Attributes:
        subject: What the person is to the workspace: a contact or a member.
        tokens: Of all identifiers that rows of the store connect with the ones given.
        kinds: How many tokens there are of each kind of identifier.
        is_shared: An identifier stands beside so many others that it is nobody's own (a reception's number):
            what it is connected with was not followed, and a person has to look.
        generation: That of the store in which this was looked up.
    """

    workspace_id: str
    subject: Subject
    tokens: frozenset[str] = field(repr=False)
    kinds: Mapping[str, int]
    is_shared: bool
    generation: int = 0


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
    (person,) = people_by_tokens(declarations, store, [(workspace, given)], subject=subject)
    return person


def people_by_tokens(
    declarations: Declarations,
    store: Store,
    asked: Sequence[tuple[str, Mapping[str, str]]],
    *,
    subject: Subject = Subject.CONTACT,
) -> list[Person]:
    """Return whom some tokens are of, in order, after one look at the store for all of them.

    Args:
        asked: Of each person, the workspace, and token → what kind of identifier it stands for.
    """
    generation = store.ledger.generation()
    tokens = {token for _, given in asked for token in given} if subject is Subject.CONTACT else set()
    known = connected(declarations, store, tokens, workspaces={workspace for workspace, _ in asked})
    of_workspace = known.partition_by("workspace_id", as_dict=True)
    return [
        _person(workspace, given, of_workspace.get((workspace,), known.clear()), subject, generation)
        for workspace, given in asked
    ]


def _person(
    workspace: str, given: Mapping[str, str], known: pl.DataFrame, subject: Subject, generation: int
) -> Person:
    named = known.filter(pl.col("token").is_in(list(given)))
    same = known.filter(pl.col("contact_token").is_in(named["contact_token"].implode()))
    kinds = {**given, **{row["token"]: OF_CONTACTS[row["kind"]].value for row in same.iter_rows(named=True)}}
    is_shared = bool(named["is_shared"].any())
    return Person(workspace, subject, frozenset(kinds), _counted(kinds.values()), is_shared, generation)


def own_messages(
    declarations: Declarations, store: Store, people: Sequence[tuple[str, Subject, Collection[str]]]
) -> list[frozenset[str]]:
    """Return the messages that only this person sent or got, of each of some people, in order.

    Rows may name a message and nobody: such a row is the person's if the message is.

    Args:
        people: Workspace, subject and tokens of each.
    """
    cells = [(n, workspace, token) for n, (workspace, _, tokens) in enumerate(people) for token in tokens]
    persons = pl.DataFrame(cells, schema=_PERSONS, orient="row")
    subjects = {subject for _, subject, _ in people}
    messages = _named(declarations, store, subjects, tokens=persons["token"].unique().to_list())
    rows = _named(declarations, store, subjects, messages=messages["message"].unique().to_list())
    mine = rows.explode("token").join(persons, on=["workspace_id", "token"])
    of_message = mine.select("person", "workspace_id", "message").unique()
    # All rows that name the message and somebody must name this person.
    others = of_message.join(rows, on=["workspace_id", "message"]).join(
        mine, on=["person", "row"], how="anti"
    )
    own = of_message.join(others, on=["person", "message"], how="anti")
    found = dict(own.group_by("person").agg("message").iter_rows())
    return [frozenset(found.get(n, ())) for n in range(len(people))]


def _named(
    declarations: Declarations,
    store: Store,
    subjects: Collection[Subject],
    *,
    tokens: Collection[str] = (),
    messages: Collection[str] = (),
) -> pl.DataFrame:
    """Return the rows that name a message and people, for some of the people or some of the messages.

    Returns:
        `row` (its number), `workspace_id`, `message`, and the tokens of people, `token`.
    """
    found = [pl.DataFrame(schema=_NAMED)]
    for contract in declarations.contracts.values():
        people = [name for name in tokens_of_people(contract) if name != OWN_MESSAGE]
        if contract.subject not in subjects or len(people) in (0, len(tokens_of_people(contract))):
            continue
        named = [f"{identifier(name)} in (from wanted)" for name in (people if tokens else [OWN_MESSAGE])]
        table = read_columns(
            store,
            contract.source,
            schema=view_schema(contract),
            columns=["workspace_id", OWN_MESSAGE, *people],
            where=f"{identifier(OWN_MESSAGE)} is not null and ({' or '.join(named)})",
            distinct=True,
            naming=tokens or messages,
        )
        rows = cast("pl.DataFrame", pl.from_arrow(table))
        found.append(
            rows.select(
                "workspace_id", message=OWN_MESSAGE, token=pl.concat_list(people).list.drop_nulls()
            ).filter(pl.col("token").list.len() > 0)
        )
    return pl.concat(found).with_row_index("row")


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
        store,
        contract.source,
        schema=columns,
        columns=[name for name, _ in columns],
        deleted=deleted,
        where=naming(contract, workspace, tokens),
        naming=tokens,
    )
    return cast("pl.DataFrame", pl.from_arrow(table))


def naming(contract: Contract, workspace: str, tokens: Collection[str]) -> str:
    """Return the condition in SQL that one of some tokens stands in a row of a workspace."""
    listed = ", ".join(map(quoted, sorted(tokens)))
    named = [f"{identifier(name)} in ({listed})" for name in tokens_of_people(contract)]
    return f"workspace_id = {quoted(workspace)} and ({' or '.join(named)})"


def region_of(declarations: Declarations, store: Store, workspace: str) -> str | None:
    """Return the country in which the workspace's numbers may be written as they are dialled there."""
    contract = declarations.contracts[WORKSPACES]
    rows = read_cached(
        store, WORKSPACES, schema=contract.plan.stored_columns(), columns=("workspace_id", "country")
    )
    countries = [row["country"] for row in rows.to_pylist() if row["workspace_id"] == workspace]
    return next(iter(countries), None)


def is_stored(declarations: Declarations, store: Store, person: Person) -> bool:
    """Return whether any row names the person, also one that its source has deleted."""
    return any(
        read_columns(
            store,
            contract.source,
            schema=contract.plan.stored_columns(),
            columns=["workspace_id"],
            deleted=True,
            where=naming(contract, person.workspace_id, person.tokens),
            distinct=True,
            naming=person.tokens,
        ).num_rows
        for contract in declarations.contracts.values()
        if contract.subject is person.subject and tokens_of_people(contract)
    )


def _counted(kinds: Collection[str]) -> dict[str, int]:
    return {kind: list(kinds).count(kind) for kind in sorted(set(kinds))}
