"""Read the rows that worlds are drawn from: restricted rows, in memory, numbers in place of pseudonyms."""

from datetime import date

import duckdb
import polars as pl

from pipelines.codegen.model_sql import ModelSql
from pipelines.declarations.calendar import month_end
from pipelines.disclosure.attacks.worlds import Base
from pipelines.metrics.asked_days import ask_for

# Models with the rows of people; what they need; what of their rows no cube counts.
_DAILY = ("slice_messages", "slice_clicks")
_MONTHLY = ("slice_month_messages", "slice_month_inbound", "slice_month_opt_outs")
_DIMENSIONS = ("dim_campaigns", "dim_contacts", "dim_workspaces")
_EVENTS = ("slice_inbound", "slice_opt_outs", "slice_link_clicks")
_UNUSED = frozenset(
    {
        "send_date",
        "month",
        "workspace_id",
        "unit_token",
        "record_key",
        "message_token",
        "queued_at",
        "delivered_at",
    }
)
SCHEMAS = "memory.main,warehouse.restricted,warehouse.staging,warehouse.intermediate,warehouse.reference"


def base_of(
    connection: duckdb.DuckDBPyConnection, *, workspace_id: str, day: date, models: ModelSql | None = None
) -> Base:
    """Read the rows of one workspace on a day and in its month, made by the project's own models.

    Args:
        connection: A session on store and warehouse. Tables are made in its memory.
    """
    sql = models or ModelSql()
    month = day.replace(day=1)
    last = month_end(day)
    sql.bounds = {"day": (day, day), "month": (month, last), "all": (month, last)}
    connection.execute(f"set search_path = '{SCHEMAS}'")
    # Nothing here is published, so nothing needs keys.
    connection.execute("create or replace macro memory.main.surrogate(w, kind, value) as value")
    connection.execute("create or replace macro memory.main.record_key(w, unit) as 0")
    _prepare(connection, sql, workspace_id)
    for model in (*_DAILY, *_MONTHLY):
        connection.execute(f"create or replace table memory.main.{model} as {sql.model(model)}")
    tokens = ["select contact_token as unit_token from dim_contacts where contact_token is not null"]
    tokens += [f"select unit_token from {m} where unit_token is not null" for m in (*_DAILY, *_MONTHLY)]
    connection.execute(
        "create or replace table memory.main.people as "
        "select unit_token, row_number() over (order by unit_token) - 1 as contact "
        f"from ({' union '.join(tokens)})"
    )
    (contacts,) = connection.execute("select count(*) from memory.main.people").fetchall()[0]
    return Base(contacts, {model: _rows(connection, model) for model in (*_DAILY, *_MONTHLY)})


def _prepare(connection: duckdb.DuckDBPyConnection, sql: ModelSql, workspace_id: str) -> None:
    """Make the models that the others need, of one workspace alone."""
    first, last = sql.bounds["month"]
    needed = {name: f"from warehouse.restricted.{name}" for name in _DIMENSIONS}
    needed |= {name: sql.model(name) for name in _EVENTS}
    ask_for(connection, first, last)
    sent = f"send_date between date '{first}' and date '{last}'"
    needed["slice_facts"] = f"from warehouse.restricted.fct_messages where {sent}"
    for name, query in needed.items():
        connection.execute(
            f"create or replace table memory.main.{name} as select * from ({query}) where workspace_id = ?",
            [workspace_id],
        )


def _rows(connection: duckdb.DuckDBPyConnection, model: str) -> pl.DataFrame:
    names = [column[0] for column in connection.execute(f"from memory.main.{model} limit 0").description]
    kept = ", ".join(f"rows.{name}" for name in names if name not in _UNUSED)
    return connection.execute(
        f"select people.contact, {kept} from memory.main.{model} as rows "
        "inner join memory.main.people as people on rows.unit_token = people.unit_token"
    ).pl()
