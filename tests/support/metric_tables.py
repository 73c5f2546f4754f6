"""Empty published tables and restricted facts in memory, as the declarations say they are."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import yaml

from warehouse.store.connection import identifier

_MODELS = Path(__file__).parents[2] / "dbt_project" / "models"


def published(connection: duckdb.DuckDBPyConnection) -> None:
    """Schemas `cubes` and `main` of the published copy, without rows."""
    connection.execute("create schema cubes")
    connection.execute(_tables("cubes", "cubes/cube_*.yml"))
    connection.execute(_tables("main", "published/dim_published_*.yml"))


def restricted(connection: duckdb.DuckDBPyConnection) -> None:
    """Facts and dimensions of the restricted zone, without rows."""
    connection.execute(_tables("main", "restricted/*.yml"))


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows that name some of the columns; the others stay empty."""
    for row in rows:
        columns = ", ".join(map(identifier, row))
        marks = ", ".join("?" for _ in row)
        connection.execute(f"insert into {table} ({columns}) values ({marks})", list(row.values()))


@cache
def _tables(schema: str, pattern: str) -> str:
    """Return the statements that create the tables; read once, for reading takes longer than creating."""
    statements = []
    for path in sorted(_MODELS.glob(pattern)):
        for model in yaml.safe_load(path.read_text("utf-8"))["models"]:
            columns = ", ".join(f"{identifier(c['name'])} {c['data_type']}" for c in model["columns"])
            statements.append(f"create table {schema}.{model['name']} ({columns});")
    return "\n".join(statements)
