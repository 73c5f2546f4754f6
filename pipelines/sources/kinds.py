"""Kinds of record, as SQL: which are read, which are known and not needed, which nobody knows.

`n` is an item of the last list that all contracts of a feed share (of webhooks: one change); `item` is one
row. Reasons name kinds from the contracts alone, never from the data.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipelines.declarations.contract import Contract
from pipelines.sources.errors import UnsupportedContractError
from pipelines.sources.paths import Step, column_path, steps, struct_field, struct_value
from warehouse.store.connection import quoted

NOT_NEEDED = "not_needed:"
UNRECOGNIZED = "unrecognized_body:"


@dataclass(frozen=True, slots=True)
class RowKinds:
    """What one contract says of the kinds of its rows.

    Attributes:
        is_read: Condition of `n`: its rows are of a kind that the contract reads.
        dropped: Expression of `item`: the reason why it is dropped, else null; None where none ever is.
    """

    is_read: str
    dropped: str | None


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


def row_kinds(contract: Contract) -> RowKinds:
    """Compile the kinds that one contract declares."""
    is_read, dropped = "true", None
    for rule in contract.kinds:
        path = column_path(rule.path)
        if not path.up:
            # The search for the word spares almost every row a parse of its own.
            written = [quoted(json.dumps(name)) for name in rule.not_needed]
            words = " or ".join(f"contains(item, {word})" for word in written)
            kind = f"case when {words} then json_extract_string(item, {quoted(path.json)}) end"
            dropped = (
                f"case when {kind} in {_listed(rule.not_needed)} then {quoted(NOT_NEEDED)} || {kind} end"
            )
        elif rule.read:
            kind = struct_value("n", path)
            is_read = f"({kind} is null or {kind} in {_listed(rule.read)})"
    return RowKinds(is_read, dropped)


def feed_kinds(contracts: Sequence[Contract], *, shared: tuple[Step, ...]) -> FeedKinds:
    """Compile the kinds that the contracts of a feed declare for its records.

    Args:
        shared: The levels down to the last list that all contracts share.

    Raises:
        UnsupportedContractError: Something else than one key of that list's items tells the kind.
    """
    places: set[tuple[tuple[Step, ...], tuple[str, ...]]] = set()
    read: set[str] = set()
    unneeded: set[str] = set()
    lists: dict[str, tuple[Step, ...]] = {}
    for contract, way in ((contract, steps(contract.records)) for contract in contracts):
        for rule in contract.kinds:
            path = column_path(rule.path)
            if path.up:
                places.add((way[: len(way) - path.up], path.down))
                read.update(rule.read)
                beside = {name for name in rule.not_needed if name.endswith("[]")}
                unneeded.update(rule.not_needed.keys() - beside)
                lists |= {name[:-2]: (*way[:-1], Step(name[:-2], is_list=True)) for name in beside}
    if not places:
        names = [step.name for step in steps(contracts[0].records)] or ["object"]
        return FeedKinds([], "false", "null", quoted(f"{UNRECOGNIZED}no_{names[-1]}"))
    if len(places) > 1 or {above for above, _ in places} != {shared}:
        raise UnsupportedContractError(
            contracts[0].feed, "`kinds` are not told by one key of the shared items"
        )
    ((_, (key,)),) = places
    kind = struct_field("n", [key])
    present = {
        name: f"coalesce(len({struct_field('n', [step.name for step in way[len(shared) :]])}), 0) > 0"
        for name, way in lists.items()
    }
    is_unneeded = f"coalesce({kind} in {_listed(unneeded)}, false)"
    cases = [f"when {found} then {quoted(NOT_NEEDED + name)}" for name, found in present.items()]
    return FeedKinds(
        ways=[((*shared, Step(key, is_list=False)), "VARCHAR"), *((way, "JSON") for way in lists.values())],
        is_not_needed=" or ".join([is_unneeded, *present.values()]),
        dropped=f"case when {is_unneeded} then {quoted(NOT_NEEDED)} || {kind} {' '.join(cases)} end",
        unrecognized=f"case when {kind} in {_listed(read | unneeded)} then {quoted(UNRECOGNIZED)} || {kind} "
        f"when {kind} is null then {quoted(f'{UNRECOGNIZED}no_{key}')} "
        f"else {quoted(f'{UNRECOGNIZED}unknown_{key}')} end",
    )


def _listed(names: Iterable[str]) -> str:
    return f"({', '.join(map(quoted, sorted(names))) or 'null'})"
