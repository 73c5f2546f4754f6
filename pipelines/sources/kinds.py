"""Tell kinds of record by SQL: which are read, which are known and not needed, which nobody knows.

Reasons name kinds from the contracts alone, never from the data.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipelines.declarations.contract import Contract
from pipelines.sources.batch import NOT_NEEDED
from pipelines.sources.errors import UnsupportedContractError
from pipelines.sources.paths import Step, column_path, steps, struct_field
from warehouse.store.connection import quoted

UNRECOGNIZED = "unrecognized_body:"


@dataclass(frozen=True, slots=True)
class FeedKinds:
    """What all contracts of a feed say of the kinds of its records.

    Attributes:
        ways: Ways from the body to what tells the kind, and what is read there.
        kind: Expression of `n`, an item of the last list that all contracts share: the kind that it names.
        beside: Expression of `n`: a list in it that is not needed, else null.
        is_not_needed: Condition of `kind` and `beside`.
        dropped: Expression of both: the reason why a record that is not needed is dropped.
        unrecognized: Expression of `kind`: the reason why a record that gives no row is rejected.
    """

    ways: Sequence[tuple[tuple[Step, ...], str]]
    kind: str
    beside: str
    is_not_needed: str
    dropped: str
    unrecognized: str


def is_read(contract: Contract) -> str:
    """Return the condition of `kind` that the contract reads rows of that kind."""
    return f"coalesce(kind in {_listed(contract.kinds.read)}, true)" if contract.kinds else "true"


def feed_kinds(contracts: Sequence[Contract], *, shared: tuple[Step, ...]) -> FeedKinds:
    """Compile the kinds that the contracts of a feed declare for its records.

    Args:
        shared: The levels down to the last list that all contracts share.

    Raises:
        UnsupportedContractError: Something else than one key of that list's items tells the kind.
    """
    rules = [(steps(contract.records), contract.kinds) for contract in contracts if contract.kinds]
    if not rules:
        names = [step.name for step in steps(contracts[0].records)] or ["object"]
        return FeedKinds([], "null", "null", "false", "null", quoted(f"{UNRECOGNIZED}no_{names[-1]}"))
    places = {
        (way[: len(way) - column_path(rule.path).up], column_path(rule.path).down) for way, rule in rules
    }
    if len(places) > 1 or {above for above, _ in places} != {shared}:
        raise UnsupportedContractError(
            contracts[0].feed, "`kinds` are not told by one key of the shared items"
        )
    ((_, (key,)),) = places
    lists = {
        name: (*way[:-1], Step(name.removesuffix("[]"), is_list=True))
        for way, rule in rules
        for name in rule.not_needed
        if name.endswith("[]")
    }
    fields = {way[-1].name: [step.name for step in way[len(shared) :]] for way in lists.values()}
    cases = [
        f"when len({struct_field('n', field)}) > 0 then {quoted(name)}" for name, field in fields.items()
    ]
    unneeded = {name for _, rule in rules for name in rule.not_needed} - lists.keys()
    known = unneeded.union(*(rule.read for _, rule in rules))
    is_unneeded = f"coalesce(kind in {_listed(unneeded)}, false)"
    return FeedKinds(
        ways=[((*shared, Step(key, is_list=False)), "VARCHAR"), *((way, "JSON") for way in lists.values())],
        kind=struct_field("n", [key]),
        beside=f"case {' '.join(cases)} end" if cases else "null",
        is_not_needed=f"({is_unneeded} or beside is not null)",
        dropped=f"{quoted(NOT_NEEDED)} || case when {is_unneeded} then kind else beside end",
        unrecognized=f"case when kind in {_listed(known)} then {quoted(UNRECOGNIZED)} || kind "
        f"when kind is null then {quoted(f'{UNRECOGNIZED}no_{key}')} "
        f"else {quoted(f'{UNRECOGNIZED}unknown_{key}')} end",
    )


def _listed(names: Iterable[str]) -> str:
    return f"({', '.join(map(quoted, sorted(names))) or 'null'})"
