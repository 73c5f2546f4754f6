"""Paths of contracts: `entry[].changes[].value.statuses[]`, `^.metadata.id`, `errors[0].code`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from anonymizers.treatments import Treatment
from pipelines.declarations.contract import Contract
from warehouse.store.connection import identifier

_STEP = re.compile(r"(?P<name>[^\[\].]+)(?P<index>\[[0-9]+\])?")


@dataclass(frozen=True, slots=True)
class Step:
    """One level on the way from a body to its rows."""

    name: str
    is_list: bool


@dataclass(frozen=True, slots=True)
class ColumnPath:
    """Where a column's value stands: some levels above the row, then down.

    Attributes:
        up: Levels to climb from the row; 0 = the row itself.
        down: Keys from there; an index like `[0]` stays with its key.
    """

    up: int
    down: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys without indices."""
        return tuple(step.partition("[")[0] for step in self.down)

    @property
    def levels(self) -> tuple[Step, ...]:
        """The keys, and whether an item of a list is meant."""
        return tuple(Step(key, key != step) for key, step in zip(self.keys, self.down, strict=True))

    @property
    def json(self) -> str:
        """As a JSON path."""
        return "$" + "".join(_json_step(step) for step in self.down)


def bare_name(name: str) -> str:
    """Return a name in small letters without what stands between its words: `NumSegments`, `num_segments`."""
    return re.sub(r"[\W_]+", "", name).lower()


def add_to(structure: dict[str, Any], way: Sequence[Step], leaf: object) -> bool:
    """Extend what `json_transform` keeps of an object: nested objects, `[item]` for lists.

    Returns:
        False, with nothing added, where something would be an object and a value at once, or two
        keys differ by case alone: DuckDB has no such structures.
    """
    if not way:
        return False
    step, *deeper = way
    if any(key != step.name and key.lower() == step.name.lower() for key in structure):
        return False
    if not deeper:
        value = [leaf] if step.is_list else leaf
        return bool(structure.setdefault(step.name, value) == value)
    inner: Any = structure.get(step.name, [{}] if step.is_list else {})
    child = inner[0] if isinstance(inner, list) else inner
    if isinstance(inner, list) is not step.is_list or not isinstance(child, dict):
        return False
    if not add_to(child, deeper, leaf):
        return False
    structure[step.name] = inner
    return True


def steps(records: str | None) -> tuple[Step, ...]:
    """The levels from a body to its rows; none if the body is the row."""
    if not records:
        return ()
    return tuple(Step(part.removesuffix("[]"), part.endswith("[]")) for part in records.split("."))


def column_path(path: str) -> ColumnPath:
    """Read the path of a column."""
    climbed = path.lstrip("^")
    return ColumnPath(len(path) - len(climbed), tuple(climbed.removeprefix(".").split(".")))


def column_paths(contract: Contract) -> dict[str, ColumnPath]:
    """The path of every column."""
    return {name: column_path(column.path or name) for name, column in contract.columns.items()}


def read_paths(contract: Contract) -> dict[str, ColumnPath]:
    """The path of every column but those that are dropped and that nothing else asks for."""
    asked = {*contract.primary_key, *contract.workspace.columns, contract.consent, contract.event_time}
    asked |= {column.or_else for column in contract.columns.values()}
    return {
        name: path
        for name, path in column_paths(contract).items()
        if name in asked
        or contract.columns[name].required
        or contract.columns[name].not_needed
        or contract.columns[name].treatment is not Treatment.DROP
    }


def known_keys(contract: Contract) -> frozenset[str]:
    """Keys of a row that are declared, or declared as ignored."""
    own = {path.keys[0] for path in column_paths(contract).values() if not path.up}
    return frozenset(own | set(contract.ignored))


def struct_field(root: str, names: Sequence[str]) -> str:
    """SQL of a field within a struct."""
    return f"({root})" + "".join(f".{identifier(name)}" for name in names)


def struct_value(root: str, path: ColumnPath) -> str:
    """SQL of a column's value within a struct: an index like `[0]` counts from 1 there."""
    indices = [step.partition("[")[2].rstrip("]") for step in path.down]
    fields = zip(path.keys, indices, strict=True)
    return f"({root})" + "".join(
        f".{identifier(key)}" + (f"[{int(index) + 1}]" if index else "") for key, index in fields
    )


def _json_step(step: str) -> str:
    found = _STEP.fullmatch(step)
    if found is None:
        return f'."{step}"'
    return f'."{found["name"]}"{found["index"] or ""}'
