"""Copy the views of marts: the warehouse's own queries, over the published copy's own tables.

A view that names its catalog would break when the file is opened under another name. So DuckDB parses its
query and writes it again with names that begin with the schema.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from warehouse.store.connection import identifier, quoted


@dataclass(frozen=True, slots=True)
class View:
    """Hold a view of a schema by its query.

    Attributes:
        query: As DuckDB's `json_serialize_sql` gives it.
    """

    name: str
    query: Mapping[str, Any]

    @property
    def reads(self) -> frozenset[tuple[str, str]]:
        """Return schema and name of every table or view that it reads."""
        return frozenset((node["schema_name"], node["table_name"]) for node in _relations(self.query))


def views_in(connection: duckdb.DuckDBPyConnection, *, database: str, schema: str) -> list[View]:
    """List the views of a schema, by name."""
    rows = connection.execute(
        "select view_name, json_serialize_sql(regexp_extract(sql, '^CREATE VIEW [^ ]+ AS (.*)$', 1, 's')) "
        f"from duckdb_views() where database_name = {quoted(database)} and schema_name = {quoted(schema)} "
        "and not internal order by view_name"
    ).fetchall()
    return [View(name, json.loads(query)) for name, query in rows]


def create_views(
    connection: duckdb.DuckDBPyConnection,
    views: Collection[View],
    *,
    database: str,
    schemas: Mapping[str, str],
) -> None:
    """Create or replace views in another database.

    Args:
        schemas: Schema that a view reads from → what it is called in ``database``.

    Raises:
        KeyError: A view reads from a schema that is not among them.
    """
    for view in views:
        query = json.loads(json.dumps(view.query))
        for node in _relations(query):
            node.update(catalog_name="", schema_name=schemas[node["schema_name"]])
        ((sql,),) = connection.execute("select json_deserialize_sql(?::json)", [json.dumps(query)]).fetchall()
        connection.execute(f"create or replace view {database}.main.{identifier(view.name)} as {sql}")


def _relations(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every table that a query names with its schema; others are its own common table expressions."""
    if isinstance(node, dict):
        if node.get("type") == "BASE_TABLE" and node["schema_name"]:
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from _relations(each)
