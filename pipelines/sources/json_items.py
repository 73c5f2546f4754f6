"""Rows that are JSON objects by themselves: the items of a list in a body, the lines of a table."""

import json
from collections.abc import Mapping
from typing import Any

import duckdb

from anonymizers.treatments import ValueType
from pipelines.declarations.contract import Contract
from pipelines.sources.paths import add_to, known_keys, read_paths, struct_value
from pipelines.sources.staging import HEAD, count_unknown
from warehouse.store.connection import identifier, quoted


def unknown_items(engine: duckdb.DuckDBPyConnection, contract: Contract, items: str) -> tuple[int, bool]:
    """Return how many JSON rows of a query (`item`) have undeclared keys, and whether some are no objects.

    Raises:
        UndeclaredColumnsError: Some have, and the contract stops at such.
    """
    is_object = "coalesce(starts_with(ltrim(item), '{'), false)"
    found = engine.execute(
        f"select {is_object} as is_object, json_keys(item), count(*) from ({items}) group by all"
    ).fetchall()
    key_sets = [(keys, rows) for is_object, keys, rows in found if is_object]
    return count_unknown(contract, key_sets, known=known_keys(contract)), len(key_sets) < len(found)


def item_query(contract: Contract, items: str) -> str:
    """Raw columns of rows that are JSON, all read in one pass per row."""
    structure: dict[str, Any] = {}
    values = {}
    above = 0
    for name, path in read_paths(contract).items():
        if path.up:
            values[name] = f"u{above}"
            above += 1
        elif add_to(structure, path.levels, leaf := leaf_of(contract, name)):
            values[name] = struct_value("v", path)
        else:
            how = "json_extract" if leaf == "JSON" else "json_extract_string"
            values[name] = f"nullif({how}(item, {quoted(path.json)})::varchar, 'null')"
    read = f"json_transform(item, {quoted(json.dumps(structure))})" if structure else "null"
    return f"select {HEAD}, {texts(contract, values)} from (select *, {read} as v from ({items}))"


def texts(contract: Contract, values: Mapping[str, str]) -> str:
    """All columns as text; what is not read is null, and so is what Python writes for no number."""
    return ", ".join(
        f"nullif(({values.get(name) or 'null'})::varchar, 'NaN') as {identifier(name)}"
        for name in contract.columns
    )


def leaf_of(contract: Contract, name: str) -> str:
    """As what `json_transform` reads a column."""
    return "JSON" if contract.columns[name].type is ValueType.JSON else "VARCHAR"
