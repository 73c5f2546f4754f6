"""Read the rows that worlds are drawn from: restricted rows, in memory, numbers in place of pseudonyms."""

from datetime import date

import duckdb
import polars as pl

from pipelines.codegen.model_sql import ModelSql
from pipelines.declarations.calendar import month_end
from pipelines.declarations.cube import FACTS, Unit
from pipelines.disclosure.attacks.worlds import DERIVED, Base
from pipelines.disclosure.slices import SCHEMAS, make_slices

# What of the rows of facts no cube counts.
_UNUSED = frozenset(
    {
        "send_date",
        "month",
        "workspace_id",
        "unit_token",
        "record_key",
        "message_token",
        "queued_at",
        "occurred_at",
        "delivered_at",
    }
)


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
    # Without those that worlds make of the others.
    facts = tuple(m for m, spine in FACTS.items() if spine.unit is Unit.CONTACT and m not in DERIVED)
    make_slices(connection, sql, facts, workspace_id=workspace_id)
    known = "dim_contacts where contact_token is not null and workspace_id = ?"
    tokens = [f"select contact_token as unit_token from {known}"]
    tokens += [f"select unit_token from {m} where unit_token is not null" for m in facts]
    connection.execute(
        "create or replace table memory.main.people as "
        "select unit_token, row_number() over (order by unit_token) - 1 as contact "
        f"from ({' union '.join(tokens)})",
        [workspace_id],
    )
    (contacts,) = connection.execute("select count(*) from memory.main.people").fetchall()[0]
    return Base(contacts, {model: _rows(connection, model) for model in facts})


def _rows(connection: duckdb.DuckDBPyConnection, model: str) -> pl.DataFrame:
    names = [column[0] for column in connection.execute(f"from memory.main.{model} limit 0").description]
    kept = ", ".join(f"rows.{name}" for name in names if name not in _UNUSED)
    return connection.execute(
        f"select people.contact, {kept} from memory.main.{model} as rows "
        "inner join memory.main.people as people on rows.unit_token = people.unit_token"
    ).pl()
