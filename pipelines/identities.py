"""Tell which tokens are one contact's: the identity graph, made of the store's rows that name two of them.

Its links are pairs of tokens that one row names together (`same_person` of a contract), or two rows about one
message. Nothing is kept of them: a link is there for as long as the rows that say it. Tokens that are
connected, directly or not, are one contact (docs/decisions/0084).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations
from typing import cast

import numpy as np
import polars as pl
import pyarrow as pa

from anonymizers.treatments import IdentityKind, Treatment
from pipelines.declarations.contract import OF_CONTACTS, Contract, Kind
from pipelines.declarations.declarations import Declarations, view_schema
from warehouse.store.connection import identifier, quoted
from warehouse.store.reading import read_columns
from warehouse.store.store import Store

# A token beside more tokens of one kind is nobody's own: a reception's number, `info@`, a placeholder.
MOST_OF_A_KIND = 5
# Nobody has more: then rows of an export are wrong, such as user ids that slipped down by a line.
MOST_NUMBERS = 10

LINKS = {
    "workspace_id": pl.String,
    "token": pl.String,
    "kind": pl.UInt8,
    "other": pl.String,
    "other_kind": pl.UInt8,
    "is_reported": pl.Boolean,
}
COUNTRIES = {"workspace_id": pl.String, "token": pl.String, "contact_country": pl.String}
# Links, and countries of numbers.
_Found = tuple[pl.DataFrame, pl.DataFrame]
_WORKSPACE, _TOKEN = _NODE = ("workspace_id", "token")
_OTHER = (pl.col("other").alias(_TOKEN), pl.col("other_kind").alias("kind"))
# Rows about a message, which goes to one contact: the application's names a number, those of the provider may
# name a user id alone.
_OUTBOX, _STATUSES = "app__messages", "whatsapp__statuses"
_NUMBER_COLUMN, _USER_COLUMN = "contact_token", "contact_user_token"
# Place in `OF_CONTACTS`; facts name contacts by these two.
_NUMBER, _USER_ID = map(OF_CONTACTS.index, (IdentityKind.PHONE, IdentityKind.WHATSAPP_USER))


def identities(declarations: Declarations, store: Store) -> pa.Table:
    """Return which number or user id stands for another one, of all contacts in the store; see `resolved`.

    Raises:
        KeyringError: A key is missing.
        StoreError: A file could not be read.
    """
    links, countries = (
        pl.concat(both) for both in zip(_stored(declarations, store), _told(declarations, store), strict=True)
    )
    return resolved(links, countries).to_arrow()


def connected(
    declarations: Declarations, store: Store, tokens: Collection[str], *, workspaces: Collection[str]
) -> pl.DataFrame:
    """Return which tokens are one contact's, of all kinds, for some tokens and all that they lead to.

    Args:
        workspaces: Those of the tokens.

    Returns:
        One row per token that a row names beside another: `workspace_id`, `token`, `kind` (place in
        `OF_CONTACTS`), `contact_token`, and `is_shared`: it stands beside too many others to be its own.
    """
    # A token's contact follows from the links that lead there, directly or not, and from no others.
    links, found, known, heard = [pl.DataFrame(schema=LINKS)], set(tokens), set[str](), set[str]()
    while found:
        known |= found
        more, _ = _stored(declarations, store, naming=found, workspaces=workspaces)
        # Statuses, which cost more to search, are asked once for all that is known without them.
        if known.issuperset([*more["token"], *more["other"]]):
            told, _ = _told(declarations, store, naming=known - heard, workspaces=workspaces)
            more, heard = pl.concat([more, told]), set(known)
        links.append(more)
        found = {*more["token"], *more["other"]} - known
    nodes, edges = _graph(pl.concat(links))
    own = _own(edges, nodes["kind"])
    linked, followed = (pl.concat([each["a"], each["b"]]).implode() for each in (edges, own))
    is_shared = nodes["place"].is_in(linked) & ~nodes["place"].is_in(followed)
    return _contacts(nodes, own).with_columns(is_shared=is_shared)


def _stored(
    declarations: Declarations,
    store: Store,
    naming: Collection[str] | None = None,
    workspaces: Collection[str] = (),
) -> _Found:
    """Return what rows of the store tell, but for statuses: all of it, or what is about some tokens."""
    return _united(
        _links_of(contract, _rows(contract, columns, store, naming, workspaces), columns)
        for contract in declarations.contracts.values()
        for columns in contract.same_person
        if contract.source != _STATUSES
    )


def _told(
    declarations: Declarations,
    store: Store,
    naming: Collection[str] | None = None,
    workspaces: Collection[str] = (),
) -> _Found:
    """Return what statuses tell, by themselves or by their message.

    A user id that a status names alone is linked to the numbers in other rows of its message.
    """
    contract, found = declarations.contracts[_STATUSES], []
    # A message to a group is of nobody.
    is_alone = f"{_NUMBER_COLUMN} is null and recipient_type is distinct from 'group'"
    told = pl.DataFrame()
    for columns in contract.same_person:
        message = None
        if [contract.stored_name(column) for column in columns] == [_NUMBER_COLUMN, _USER_COLUMN]:
            message = (
                "message_token" if naming is not None else f"case when {is_alone} then message_token end"
            )
        rows = _rows(contract, columns, store, naming, workspaces, message=message)
        found.append(_links_of(contract, rows, columns))
        told = rows if message else told

    def of_messages(source: str, column: str, condition: str, wanted: Collection[str]) -> pl.DataFrame:
        where = f"message_token is not null and {column} is not null and {condition} in (from wanted)"
        if workspaces:
            where += _within(workspaces)
        columns = ["workspace_id", "message_token", column]
        return _distinct(store, declarations.contracts[source], columns, where, wanted)

    alone = (
        told.filter(pl.col("0").is_null())
        .select("workspace_id", "message_token", pl.col("1").alias(_USER_COLUMN))
        .drop_nulls()
    )
    if naming is not None:
        sent = of_messages(_OUTBOX, _NUMBER_COLUMN, _NUMBER_COLUMN, naming)
        messages = {*sent["message_token"], *told["message_token"].drop_nulls()}
        alone = alone.clear()
        if messages:
            alone = of_messages(_STATUSES, _USER_COLUMN, f"{is_alone} and message_token", messages)
    for source in (_OUTBOX, _STATUSES) if alone.height else ():
        numbers = of_messages(source, _NUMBER_COLUMN, "message_token", set(alone["message_token"]))
        links = numbers.join(alone, on=["workspace_id", "message_token"]).select(
            "workspace_id",
            pl.col(_NUMBER_COLUMN).alias("token"),
            pl.lit(_NUMBER, pl.UInt8).alias("kind"),
            pl.col(_USER_COLUMN).alias("other"),
            pl.lit(_USER_ID, pl.UInt8).alias("other_kind"),
            pl.lit(source == _STATUSES).alias("is_reported"),
        )
        found.append((links, pl.DataFrame(schema=COUNTRIES)))
    return _united(found)


def _united(found: Iterable[_Found]) -> _Found:
    links, countries = zip((pl.DataFrame(schema=LINKS), pl.DataFrame(schema=COUNTRIES)), *found, strict=True)
    return pl.concat(links), pl.concat(countries)


def resolved(links: pl.DataFrame, countries: pl.DataFrame) -> pl.DataFrame:
    """Return which token stands for another.

    Of all tokens that links connect, the least number stands for all of them, without a number the least user
    id. A token beside more than `MOST_OF_A_KIND` tokens of one kind is linked with none of these. Where more
    than `MOST_NUMBERS` would be connected, only links that a provider reported count.

    Args:
        links: `LINKS`, in any order, repeated or not; a token is linked within its workspace only.
        countries: `COUNTRIES` of numbers.

    Returns:
        One row per number and user id for which another token stands: `workspace_id`, `token`,
        `contact_token`, and `contact_country`, for a user id that of the number that stands for it.
    """
    nodes, edges = _graph(links)
    contacts = _contacts(nodes, _own(edges, nodes["kind"]))
    of_numbers = countries.group_by(_NODE).agg(pl.col("contact_country").min())
    country = pl.when(pl.col("kind") == _USER_ID).then(pl.col("contact_country"))
    return (
        contacts.filter((pl.col("kind") <= _USER_ID) & (pl.col("contact_token") != pl.col("token")))
        .join(of_numbers, left_on=[_WORKSPACE, "contact_token"], right_on=_NODE, how="left")
        .select(*_NODE, "contact_token", country)
    )


def _graph(links: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the tokens of some links, each with its place, and which places are linked, each pair once."""
    nodes = (
        pl.concat([links.select(*_NODE, "kind"), links.select(_WORKSPACE, *_OTHER)])
        # A user id may stand where a number should.
        .group_by(_NODE)
        .agg(pl.col("kind").max())
        .sort("workspace_id", "kind", "token")
        .with_row_index("place")
    )
    places = nodes.select(*_NODE, "place")
    edges = links.join(places.rename({"place": "a"}), on=_NODE).join(
        places.rename({"token": "other", "place": "b"}), on=["workspace_id", "other"]
    )
    edges = edges.group_by(pl.min_horizontal("a", "b"), b=pl.max_horizontal("a", "b")).agg(
        pl.col("is_reported").any()
    )
    return nodes, edges.filter(pl.col("a") != pl.col("b"))


def _contacts(nodes: pl.DataFrame, edges: pl.DataFrame) -> pl.DataFrame:
    """Return each token with the least one that it is connected with: `contact_token`."""
    first = _first_connected(edges, nodes=nodes.height)
    numbers = (nodes["kind"] == _NUMBER).cast(pl.UInt32).to_frame().select(pl.first().sum().over(first))
    is_crowd = numbers.to_series() > MOST_NUMBERS
    if is_crowd.any():
        first = _first_connected(
            edges.filter(pl.col("is_reported") | ~is_crowd.gather(edges["a"])), nodes=nodes.height
        )
    return nodes.select(*_NODE, "kind", contact_token=nodes["token"].gather(first))


def _own(edges: pl.DataFrame, kinds: pl.Series) -> pl.DataFrame:
    """Return the edges without those of a node that has too many neighbours of one kind, to that kind."""
    both = pl.concat([edges.select("a", "b"), edges.select(a="b", b="a")])
    neighbour = kinds.gather(both["b"])
    is_shared = both.select(pl.len().over("a", neighbour.alias("kind")) > MOST_OF_A_KIND).to_series()
    return edges.filter(~(is_shared[: edges.height] | is_shared[edges.height :]))


def _first_connected(edges: pl.DataFrame, *, nodes: int) -> pl.Series:
    """Return for each of n nodes the first one that edges connect it with, itself where there is none.

    Each round joins every group to the smallest of its smaller neighbours and keeps the edges between groups:
    few rounds are enough for chains, stars and cliques of any length.
    """
    one, other = edges["a"].to_numpy(), edges["b"].to_numpy()
    first = np.arange(nodes)
    while len(one):
        one, other = first[one], first[other]
        apart = one != other
        one, other = one[apart], other[apart]
        np.minimum.at(first, np.maximum(one, other), np.minimum(one, other))
        while not np.array_equal(first, further := first[first]):
            first = further
    return pl.Series(first)


def _kinds(contract: Contract, columns: Sequence[str]) -> list[int]:
    return [OF_CONTACTS.index(cast("IdentityKind", contract.columns[column].identity)) for column in columns]


def _rows(
    contract: Contract,
    columns: Sequence[str],
    store: Store,
    naming: Collection[str] | None,
    workspaces: Collection[str],
    *,
    message: str | None = None,
) -> pl.DataFrame:
    """Return `workspace_id`, the tokens of rows that name two, by place, and the country of their number.

    Args:
        message: SQL for `message_token`, which is then returned too: of all rows that name the last of the
            columns, or one of the tokens.
    """
    tokens = [identifier(contract.stored_name(column)) for column in columns]
    named = " + ".join(f"({token} is not null)::int" for token in tokens)
    # A scan skips row groups without a value only where it is asked column by column.
    where = f"{named} > 1"
    if len(tokens) == 2:
        where = " and ".join(f"{token} is not null" for token in tokens[1 if message else 0 :])
    if naming is not None:
        is_wanted = " or ".join(f"{token} in (from wanted)" for token in tokens)
        where = f"{'true' if message else where} and ({is_wanted}){_within(workspaces)}"
    kinds = _kinds(contract, columns)
    country = _country_of(contract, columns[kinds.index(_NUMBER)]) if _NUMBER in kinds else None
    cells = {"workspace_id": "workspace_id"} | {str(place): token for place, token in enumerate(tokens)}
    cells |= {"contact_country": country or "null::varchar"} | ({"message_token": message} if message else {})
    return _distinct(store, contract, cells, where, naming)


def _within(workspaces: Collection[str]) -> str:
    return f" and workspace_id in ({', '.join(map(quoted, workspaces))})"


def _distinct(
    store: Store,
    contract: Contract,
    columns: Sequence[str] | Mapping[str, str],
    where: str,
    naming: Collection[str] | None,
) -> pl.DataFrame:
    table = read_columns(
        store,
        contract.source,
        schema=view_schema(contract),
        columns=columns,
        where=where,
        distinct=True,
        naming=naming,
    )
    return cast("pl.DataFrame", pl.from_arrow(table))


def _country_of(contract: Contract, number: str) -> str | None:
    """Return the stored column with the country of a number."""
    path = contract.columns[number].path or number
    for name, column in contract.columns.items():
        if column.treatment is Treatment.COUNTRY_FROM_PHONE and column.path == path:
            return contract.stored_name(name)
    return None


def _links_of(contract: Contract, rows: pl.DataFrame, columns: Sequence[str]) -> _Found:
    """Return what rows tell: they link the first token there is with each of the others."""
    kinds, links, countries = _kinds(contract, columns), [], pl.DataFrame(schema=COUNTRIES)
    for one, other in combinations(range(len(kinds)), 2):
        is_first = pl.all_horizontal(pl.lit(value=True), *(pl.col(str(i)).is_null() for i in range(one)))
        links.append(
            rows.filter(is_first)
            .select(
                "workspace_id",
                pl.col(str(one)).alias("token"),
                pl.lit(kinds[one], pl.UInt8).alias("kind"),
                pl.col(str(other)).alias("other"),
                pl.lit(kinds[other], pl.UInt8).alias("other_kind"),
                pl.lit(contract.kind is Kind.EVENT).alias("is_reported"),
            )
            .drop_nulls()
        )
    if _NUMBER in kinds:
        number = pl.col(str(kinds.index(_NUMBER))).alias("token")
        countries = rows.select("workspace_id", number, "contact_country").drop_nulls().unique()
    return pl.concat(links), countries
