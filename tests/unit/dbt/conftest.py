"""The project's SQL over small tables: macros and models rendered by plain Jinja, run by DuckDB.

Quicker than dbt, so that laws can be tried on thousands of cases; `tests/integration/test_marts.py`
runs the same files through dbt.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import pyarrow as pa
import pytest

from pipelines.contract import load_contracts
from pipelines.marts import DBT_PROJECT
from pipelines.runtime import view_schema

VIEWS = (
    "int_outbox_messages",
    "int_message_events_unioned",
    "int_inbound_messages_unioned",
    "int_opt_outs_unioned",
)
SOURCES = {
    "outbox": "int_outbox_messages",
    "events": "int_message_events_unioned",
    "inbound": "int_inbound_messages_unioned",
    "opt_outs": "int_opt_outs_unioned",
    "clicks": "stg_app__link_clicks",
}


class Sql:
    """One DuckDB connection with empty staging tables and the views on them.

    Attributes:
        slice_days: First and last day of the slice that models are rendered for; None = all days.
    """

    def __init__(self, *, minimum_contacts: int = 11, lateness_days: int = 7) -> None:
        self.slice_days: tuple[date, date] | None = None
        variables = {"minimum_contacts": minimum_contacts, "lateness_days": lateness_days}
        files = sorted(path for path in DBT_PROJECT.glob("macros/**/*.sql") if _is_plain(path))
        self._jinja = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
        self._macros = "\n".join(path.read_text("utf-8") for path in files)
        self._context = {
            "ref": lambda name: f'"{name}"',
            "var": variables.__getitem__,
            "config": lambda **_: "",
            "slices": lambda _column: {},
            "stored_sources": lambda: SOURCES,
            "slice_from": lambda _period: self.slice_days and self.slice_days[0],
            "slice_to": lambda _period: self.slice_days and self.slice_days[1],
        }
        self.connection = duckdb.connect()
        for contract in load_contracts().values():
            columns = ", ".join(f'"{name}" {type_}' for name, type_ in view_schema(contract))
            self.connection.execute(f'create table "stg_{contract.source}" ({columns})')
        seed = DBT_PROJECT / "seeds" / "provider_error_codes.csv"
        self.connection.execute(
            f"create table provider_error_codes as from read_csv('{seed}', all_varchar = true, header = true)"
        )
        perturbation = DBT_PROJECT / "seeds" / "perturbation.csv"
        self.connection.execute(
            f"create table perturbation as from read_csv('{perturbation}', header = true)"
        )
        for name in VIEWS:
            text = next(DBT_PROJECT.glob(f"models/*/{name}.sql")).read_text("utf-8")
            self.connection.execute(f'create view "{name}" as {self.render(text)}')

    def render(self, text: str) -> str:
        return self._jinja.from_string(self._macros + "\n" + text).render(self._context)

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


def _is_plain(path: Path) -> bool:
    """Whether a macro file renders outside dbt."""
    return "return(" not in path.read_text("utf-8") and "{% test" not in path.read_text("utf-8")


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
