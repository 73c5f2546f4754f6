"""Set which days a query on `fct_messages` asks for, so that it reads only their partitions.

A message's day comes out of joins, so DuckDB cannot see from a condition on it which files it needs. The
view takes the days from two variables of the session instead (macro `asked_day` of the dbt project).
"""

import json
from collections.abc import Container, Iterator
from datetime import date
from typing import Any

import duckdb

_FACTS, _DAY = "fct_messages", "send_date"
_FIRST, _LAST = "first_day", "last_day"
_LOWEST = {"COMPARE_EQUAL", "COMPARE_GREATERTHANOREQUALTO", "COMPARE_GREATERTHAN"}
_HIGHEST = {"COMPARE_EQUAL", "COMPARE_LESSTHANOREQUALTO", "COMPARE_LESSTHAN"}

Bound = tuple[str, date]


def ask_for(connection: duckdb.DuckDBPyConnection, first: date | None, last: date | None) -> None:
    """Limit `fct_messages` to messages of the days from ``first`` to ``last``; None = no bound."""
    for variable, day in ((_FIRST, first), (_LAST, last)):
        value = f"date '{day}'" if day else "null"
        connection.execute(f"set variable {variable} = {value}")


def ask_for_days_of(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[date | None, date | None]:
    """Limit `fct_messages` to the days that a query's conditions on `send_date` name, if any.

    Returns:
        First and last of them; None = no bound.
    """
    bounds = list(_bounds(connection, query)) if _FACTS in query.lower() else []
    first = max((day for variable, day in bounds if variable == _FIRST), default=None)
    last = min((day for variable, day in bounds if variable == _LAST), default=None)
    ask_for(connection, first, last)
    return first, last


def _bounds(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[Bound]:
    """Yield bounds that every row of the facts in a query must meet; none where the query has them twice."""
    (text,) = connection.execute("select json_serialize_sql(?)", [query]).fetchall()[0]
    nodes = list(_nodes(json.loads(text)))
    named = [node for node in nodes if str(node.get("table_name", "")).lower() == _FACTS]
    is_shadowed = any(str(node.get("key", "")).lower() == _FACTS for node in nodes)
    # They run text that is not looked into here.
    is_shadowed |= any(node.get("function_name") in ("query", "query_table") for node in nodes)
    if len(named) != 1 or is_shadowed or named[0]["column_name_alias"] or named[0]["sample"]:
        return
    # A column of another table may be called the same.
    own = {(_DAY,), ((named[0]["alias"] or _FACTS).lower(), _DAY)}
    for node in nodes:
        if node.get("from_table") is named[0] and node.get("where_clause"):
            yield from _of_condition(node["where_clause"], own)


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
    if isinstance(tree, dict | list):
        for child in tree.values() if isinstance(tree, dict) else tree:
            yield from _nodes(child)


def _of_condition(node: dict[str, Any], own: Container[tuple[str, ...]]) -> Iterator[Bound]:
    kind = node["type"]
    if kind == "CONJUNCTION_AND":
        for child in node["children"]:
            yield from _of_condition(child, own)
    elif kind == "COMPARE_BETWEEN" and _column(node["input"]) in own:
        yield from ((_FIRST, day) for day in _constant(node["lower"]))
        yield from ((_LAST, day) for day in _constant(node["upper"]))
    elif kind in _LOWEST | _HIGHEST and _column(node["left"]) in own:
        for day in _constant(node["right"]):
            if kind in _LOWEST:
                yield _FIRST, day
            if kind in _HIGHEST:
                yield _LAST, day


def _column(node: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(name).lower() for name in node.get("column_names", ()))


def _constant(node: dict[str, Any]) -> Iterator[date]:
    """Yield the day that a literal names; nothing where it is anything else."""
    if node["class"] == "CAST":
        node = node["child"]
    try:
        yield date.fromisoformat(str(node["value"]["value"]))
    except (KeyError, TypeError, ValueError):
        return
