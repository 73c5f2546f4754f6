"""Make the models of slices in a session's memory, as a build does."""

import re
from collections.abc import Iterable

import duckdb

from pipelines.codegen.model_sql import ModelSql

SCHEMAS = "memory.main,warehouse.restricted,warehouse.staging,warehouse.intermediate,warehouse.reference"
_SLICE = re.compile(r"\bslice_\w+")


def make_slices(
    connection: duckdb.DuckDBPyConnection,
    models: ModelSql,
    wanted: Iterable[str],
    *,
    workspace_id: str | None = None,
) -> None:
    """Make tables of some slices, and of those that they are made from.

    Args:
        connection: A session on store and warehouse that searches `SCHEMAS`, with the functions `surrogate`
            and `record_key`.
        models: With the days in its bounds.
        workspace_id: The only one whose rows are read; None = all.
    """
    made: set[str] = set()
    own, values = ("where workspace_id = ?", [workspace_id]) if workspace_id is not None else ("", [])

    def make(model: str) -> None:
        sql = models.model(model)
        for needed in sorted(set(_SLICE.findall(sql)) - made - {model}):
            make(needed)
        made.add(model)
        connection.execute(
            f"create or replace table memory.main.{model} as select * from ({sql}) {own}", values
        )

    for model in wanted:
        if model not in made:
            make(model)
