"""The project's SQL over small tables: macros and models rendered without dbt, run by DuckDB.

Quicker than dbt, so that laws can be tried on thousands of cases; `tests/integration/test_marts.py`
runs the same files through dbt.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from pipelines.codegen.model_sql import DBT_PROJECT, ModelSql
from pipelines.declarations.contract import load_contracts
from pipelines.declarations.declarations import view_schema

VIEWS = (
    "int_outbox_messages",
    "int_message_events_unioned",
    "int_inbound_messages_unioned",
    "int_opt_outs_unioned",
    "int_link_clicks",
    "int_conversions",
    "dim_workspaces",
)


class Sql:
    """One DuckDB connection with empty staging tables and the views on them."""

    def __init__(self, **variables: int) -> None:
        self.models = ModelSql(**variables)
        self.render = self.models.render
        self.connection = duckdb.connect()
        self.connection.execute(_tables())
        for name in VIEWS:
            self.connection.execute(f'create view "{name}" as {self.models.model(name)}')

    def load(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows; columns that are not named are null."""
        if not rows:
            return
        names = sorted({name for row in rows for name in row})
        loaded = pa.table({name: [row.get(name) for row in rows] for name in names})
        self.connection.register("_loaded", loaded)
        self.connection.execute(f'insert into "{table}" by name select * from _loaded')
        self.connection.unregister("_loaded")

    def rows(self, text: str, *, order_by: str = "all") -> list[dict[str, Any]]:
        """Result of a query with macros, in order."""
        result = self.connection.execute(f"select * from ({self.render(text)}) order by {order_by}")
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


@cache
def _tables() -> str:
    """Return what creates the tables that the views read."""
    seed = DBT_PROJECT / "seeds" / "provider_error_codes.csv"
    statements = [
        """create table stg_identity__contacts
            (workspace_id varchar, token varchar, contact_token varchar, contact_country varchar)""",
        f"create table provider_error_codes as from read_csv('{seed}', all_varchar = true, header = true)",
    ]
    for contract in load_contracts().values():
        columns = ", ".join(f'"{name}" {type_}' for name, type_ in view_schema(contract))
        statements.append(f'create table "stg_{contract.source}" ({columns})')
    return ";\n".join(statements)


@pytest.fixture
def sql() -> Iterator[Sql]:
    """Staging tables, empty, with the real threshold."""
    one = Sql()
    yield one
    one.connection.close()


@pytest.fixture(scope="session")
def new_sql() -> type[Sql]:
    """The class, for tests that need several or other thresholds."""
    return Sql
