"""Kinds of record, as SQL: which are read, which are known and not needed, which nobody knows.

`n` is an item of the last list that all contracts of a feed share (of webhooks: one change). Reasons name
kinds from the contracts alone, never from the data.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipelines.declarations.contract import Contract
from pipelines.sources.batch import NOT_NEEDED
from pipelines.sources.errors import UnsupportedContractError
from pipelines.sources.paths import Step, column_path, steps, struct_field, struct_value
from warehouse.store.connection import quoted

UNRECOGNIZED = "unrecognized_body:"


@dataclass(frozen=True, slots=True)
class FeedKinds:
    """What all contracts of a feed say of the kinds of its records.

    Attributes:
        ways: Ways from the body to what tells the kind, and what is read there.
        is_not_needed: Condition of `n`.
        dropped: Expression of `n`: the reason why one that is not needed is dropped.
        unrecognized: Expression of `n`: the reason why one that gives no row is rejected.
    """

    ways: Sequence[tuple[tuple[Step, ...], str]]
    is_not_needed: str
    dropped: str
    unrecognized: str


def is_read(contract: Contract) -> str:
    """Condition of `n`: its rows are of a kind that the contract reads."""
    if contract.kinds is None:
        return "true"
    kind = struct_value("n", column_path(contract.kinds.path))
    return f"({kind} is null or {kind} in {_listed(contract.kinds.read)})"


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
        return FeedKinds([], "false", "null", quoted(f"{UNRECOGNIZED}no_{names[-1]}"))
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
    unneeded = {name for _, rule in rules for name in rule.not_needed} - lists.keys()
    known = unneeded.union(*(rule.read for _, rule in rules))
    kind = struct_field("n", [key])
    conditions = {
        name: f"coalesce(len({struct_field('n', [step.name for step in way[len(shared) :]])}), 0) > 0"
        for name, way in lists.items()
    }
    is_unneeded = f"coalesce({kind} in {_listed(unneeded)}, false)"
    cases = [f"when {found} then {quoted(NOT_NEEDED + name[:-2])}" for name, found in conditions.items()]
    return FeedKinds(
        ways=[((*shared, Step(key, is_list=False)), "VARCHAR"), *((way, "JSON") for way in lists.values())],
        is_not_needed=" or ".join([is_unneeded, *conditions.values()]),
        dropped=f"case when {is_unneeded} then {quoted(NOT_NEEDED)} || {kind} {' '.join(cases)} end",
        unrecognized=f"case when {kind} in {_listed(known)} then {quoted(UNRECOGNIZED)} || {kind} "
        f"when {kind} is null then {quoted(f'{UNRECOGNIZED}no_{key}')} "
        f"else {quoted(f'{UNRECOGNIZED}unknown_{key}')} end",
    )


def _listed(names: Iterable[str]) -> str:
    return f"({', '.join(map(quoted, sorted(names))) or 'null'})"
